"""Waiting for what happens, and looking at the processes of an attempt."""

import time
from collections.abc import Callable
from pathlib import Path

from app.domain.jobs import Job


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for an observable event."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def processes_of(job: Job) -> list[int]:
    """Processes whose command line names the job's folder: the keeper, then the child."""
    return sorted(naming(job.id))


def naming(text: str) -> list[int]:
    """Processes whose command line holds ``text``."""
    return [pid for pid in pids() if text.encode() in read(pid, "cmdline")]


def alive_in_group(group: int) -> list[int]:
    """Processes of the group that are more than an entry nobody has collected yet."""
    fields = {pid: read(pid, "stat").rpartition(b") ")[2].split() for pid in pids()}
    return [pid for pid, f in fields.items() if f and int(f[2]) == group and f[0] != b"Z"]


def pids() -> list[int]:
    """All processes of this machine."""
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def read(pid: int, name: str) -> bytes:
    """A file of a process; nothing once it is gone."""
    try:
        return (Path("/proc") / str(pid) / name).read_bytes()
    except OSError:
        return b""
