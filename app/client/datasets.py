"""Datasets: upload, wait until they are parsed, list, delete."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.client import pages, sources
from app.client.errors import DatasetInvalid, WaitTimedOut
from app.client.transport import Call, Transport, idempotency_key

POLL_SECONDS = 30.0
UPLOAD_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Dataset:
    """One immutable version of a dataset, as the service last described it."""

    reference: str
    name: str
    version: int
    status: str
    n_rows: int | None
    columns: tuple[dict[str, Any], ...]
    problems: tuple[dict[str, Any], ...]
    created_at: str
    document: dict[str, Any] = field(repr=False, compare=False)
    _transport: Transport = field(repr=False, compare=False)

    @property
    def is_parsing(self) -> bool:
        """Whether the service has not looked through it yet."""
        return self.status == "parsing"

    def refresh(self) -> "Dataset":
        """The same version as it is now."""
        return _dataset(self._transport, self._transport.get(f"/v1/datasets/{self.reference}"))

    def wait(self, timeout: float = 900.0) -> "Dataset":
        """The parsed version. Raises ``DatasetInvalid`` with a table of what is wrong."""
        deadline = time.monotonic() + timeout
        found = self
        while found.is_parsing:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(f"{self.reference} is still parsing after {timeout:g} s")
            poll = min(POLL_SECONDS, left)
            path = f"/v1/datasets/{self.reference}"
            answer = self._transport.get(path, {"wait": poll}, timeout=poll + POLL_SECONDS)
            found = _dataset(self._transport, answer)
        if found.status == "invalid":
            raise DatasetInvalid(found.reference, found.validation())
        return found

    def validation(self) -> list[dict[str, Any]]:
        """Every problem that was kept: row, column, message, remedy."""
        answer = self._transport.get(f"/v1/datasets/{self.reference}/validation")
        return list(answer["problems"])

    def profile(self) -> dict[str, Any]:
        """Counts, ranges, quantiles, levels and histograms, column by column."""
        return dict(self._transport.get(f"/v1/datasets/{self.reference}/profile"))

    def correct(self, columns: Mapping[str, str]) -> "Dataset":
        """A new version over the same bytes, with these columns' types set."""
        path = f"/v1/datasets/{self.reference}"
        content = {"json": {"columns": dict(columns)}}
        answer = self._transport.send(Call("PATCH", path, body=lambda: content, repeatable=False))
        return _dataset(self._transport, answer.json())


class Datasets:
    """The datasets of the key's project."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        data: Any,  # noqa: ANN401  (any data frame)
        *,
        columns: Mapping[str, str] | None = None,
    ) -> Dataset:
        """Upload a path, bytes or a data frame as the next version of ``name``.

        The content is streamed, so a file may be larger than memory. ``columns`` sets types that
        would be guessed wrongly, such as ``{"zip": "categorical"}``.
        """
        with sources.source(name, data) as source:
            call = _raw(name, source) if not columns else _form(name, source, columns)
            return _dataset(self._transport, self._transport.send(call).json())

    def get(self, reference: str) -> Dataset:
        """A version by ``name``, ``name@3`` or ``name@latest``."""
        return _dataset(self._transport, self._transport.get(f"/v1/datasets/{reference}"))

    def list(self, limit: int = 50) -> list[Dataset]:
        """The newest versions of all datasets."""
        found = pages.rows(self._transport, "/v1/datasets", limit)
        return [_dataset(self._transport, entry) for entry in found]

    def delete(self, name: str) -> int:
        """Delete all versions with their bytes; returns how many there were."""
        answer = self._transport.send(Call("DELETE", f"/v1/datasets/{name}"))
        return int(answer.json()["versions"])


def _raw(name: str, source: sources.Source) -> Call:
    return Call(
        "PUT",
        f"/v1/datasets/{name}/content",
        params={"filename": source.filename},
        headers={
            "Idempotency-Key": idempotency_key(),
            "Content-Type": "application/octet-stream",
        },
        body=lambda: {"content": source.from_start()},
        timeout=UPLOAD_SECONDS,
    )


def _form(name: str, source: sources.Source, columns: Mapping[str, str]) -> Call:
    fields = {"name": name, "columns": json.dumps(dict(columns))}
    return Call(
        "POST",
        "/v1/datasets",
        headers={"Idempotency-Key": idempotency_key()},
        body=lambda: {"data": fields, "files": {"file": (source.filename, source.from_start())}},
        timeout=UPLOAD_SECONDS,
    )


def _dataset(transport: Transport, document: Mapping[str, Any]) -> Dataset:
    return Dataset(
        reference=document["reference"],
        name=document["name"],
        version=document["version"],
        status=document["status"],
        n_rows=document["n_rows"],
        columns=tuple(document["columns"]),
        problems=tuple(document["problems"]),
        created_at=document["created_at"],
        document=dict(document),
        _transport=transport,
    )
