"""What the child process says to its supervisor: one JSON object a line over a pipe."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["phase_started", "phase_completed", "progress", "event", "failed", "done"]

MAX_LINE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """``data`` depends on the kind; the supervisor trusts neither its size nor its content."""

    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)

    def encode(self) -> bytes:
        """One line."""
        return json.dumps({"kind": self.kind, "data": self.data}).encode() + b"\n"


class Reader:
    """Cuts a stream of bytes into messages. Lines that are too long or broken are dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that are complete now."""
        self._buffer += chunk
        while (end := self._buffer.find(b"\n")) >= 0:
            line = bytes(self._buffer[:end])
            del self._buffer[: end + 1]
            message = _decode(line)
            if message is not None:
                yield message
        if len(self._buffer) > MAX_LINE_BYTES:
            self._buffer.clear()


def _decode(line: bytes) -> Message | None:
    try:
        document = json.loads(line)
        return Message(document["kind"], dict(document["data"]))
    except (ValueError, KeyError, TypeError):
        return None
