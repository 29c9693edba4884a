"""Estimates: what a job would cost, before it is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.client.transport import Call, Transport


@dataclass(frozen=True, slots=True)
class Estimate:
    """The service's answer to a job's body. Seconds and bytes at ``p50`` and ``p90``.

    ``seconds`` and ``memory_bytes`` are None where the body does not fit the dataset.
    """

    accepted: bool
    reason: str
    seconds: dict[str, float] | None
    memory_bytes: dict[str, float] | None
    warnings: tuple[str, ...]
    document: dict[str, Any] = field(repr=False, compare=False)


def ask(transport: Transport, body: Mapping[str, Any], rows: Sequence[int] = ()) -> Estimate:
    """Estimate a body; ``rows`` asks what other numbers of rows would cost."""
    call = Call(
        "POST",
        "/v1/estimates",
        params={"rows": list(rows) or None},
        body=lambda: {"json": dict(body)},
    )
    document = transport.send(call).json()
    return Estimate(
        accepted=document["decision"] == "accept",
        reason=document["reason"],
        seconds=document["seconds"],
        memory_bytes=document["memory_bytes"],
        warnings=tuple(document["warnings"]),
        document=dict(document),
    )
