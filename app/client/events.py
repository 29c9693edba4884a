"""A job's history, live: server-sent events with reconnection where they broke off."""

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from app.client.errors import ConnectionFailed
from app.client.transport import Call, Transport

SILENT_SECONDS = 60.0
END = "end"


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a job's history. Progress is not kept, so its ``seq`` is None."""

    type: str
    data: dict[str, Any]
    seq: int | None = None
    created_at: str | None = None

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "Event":
        """Read an entry of ``/events``."""
        return cls(entry["type"], dict(entry["data"]), entry["seq"], entry["created_at"])


@dataclass(frozen=True, slots=True)
class Frame:
    """One server-sent event as it came over the wire."""

    event: str = "message"
    data: str = ""
    id: str | None = None
    retry_ms: int | None = None


def frames(lines: Iterable[str]) -> Iterator[Frame]:
    """Read server-sent events: fields of one event line by line, then an empty line.

    Comments, which keep the line open, and fields that nobody knows are left out. An event that
    breaks off before its empty line is dropped, as the specification wants.
    """
    fields: dict[str, str] = {}
    data: list[str] = []
    for line in lines:
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
            elif name:
                fields[name] = value
            continue
        if data or fields:
            yield _frame(fields, data)
        fields, data = {}, []


def follow(transport: Transport, job_id: str, *, after: int = 0) -> Iterator[Event]:
    """All events behind ``after`` to the job's end, over as many connections as it takes.

    Raises ``ConnectionFailed`` when several connections in a row brought nothing.
    """
    seq, pause, failures = after, 1.0, 0
    while True:
        brought = False
        for frame in _one_connection(transport, job_id, seq):
            brought = True
            if frame.retry_ms is not None:
                pause = frame.retry_ms / 1000
            event = _event(frame)
            if event is None or (event.seq is not None and event.seq <= seq):
                continue
            seq = seq if event.seq is None else event.seq
            if event.type == END:
                return
            yield event
        failures = 0 if brought else failures + 1
        if failures >= transport.patience.attempts:
            raise ConnectionFailed(f"the events of {job_id} do not come; the job itself goes on")
        time.sleep(min(pause, transport.patience.longest_seconds))


def _one_connection(transport: Transport, job_id: str, seq: int) -> Iterator[Frame]:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(seq)}
    call = Call("GET", f"/v1/jobs/{job_id}/stream", headers=headers, timeout=SILENT_SECONDS)
    with transport.stream(call) as answer, contextlib.suppress(httpx.TransportError):
        yield from frames(answer.iter_lines())


def _frame(fields: Mapping[str, str], data: list[str]) -> Frame:
    retry = fields.get("retry", "")
    return Frame(
        event=fields.get("event") or "message",
        data="\n".join(data),
        id=fields.get("id"),
        retry_ms=int(retry) if retry.isdigit() else None,
    )


def _event(frame: Frame) -> Event | None:
    """The entry in a frame; kept entries carry it whole, progress and the end their data only."""
    if not frame.data:
        return None
    body = json.loads(frame.data)
    return Event.from_json(body) if frame.id else Event(frame.event, body)
