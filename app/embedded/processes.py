"""What runs on this machine, from ``/proc``. Where there is none, nothing is found."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

PROC = Path("/proc")
POLL_SECONDS = 0.02


def is_alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    state = _stat(pid)
    if state is not None:
        return state[0] != "Z"
    return not PROC.is_dir() and _answers(pid)


def with_argument(argument: str) -> list[int]:
    """Ids of processes that were started with exactly this argument."""
    wanted = os.fsencode(argument)
    return [pid for pid in _pids() if wanted in _read(pid, "cmdline").split(b"\0")]


def with_variable(name: str, value: str) -> list[int]:
    """Ids of processes, readable for us, that were started with this environment variable."""
    wanted = os.fsencode(f"{name}={value}")
    return [pid for pid in _pids() if wanted in _read(pid, "environ").split(b"\0")]


def descendants(pid: int) -> list[int]:
    """Ids of children, their children, and so on."""
    children: dict[int, list[int]] = {}
    for other in _pids():
        state = _stat(other)
        if state is not None:
            children.setdefault(state[1], []).append(other)
    found: list[int] = []
    frontier = [pid]
    while frontier:
        frontier = [child for parent in frontier for child in children.get(parent, [])]
        found.extend(frontier)
    return found


def end(pids: Iterable[int], *, first: signal.Signals, grace_seconds: float) -> None:
    """Send ``first``, wait, and kill what is left. Our own process is never among them."""
    left = [pid for pid in pids if pid != os.getpid()]
    for sign in (first, signal.SIGKILL):
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, sign)
        left = wait_gone(left, grace_seconds if sign is first else 5.0)
        if not left:
            return


def wait_gone(pids: Iterable[int], seconds: float) -> list[int]:
    """Wait until the processes are gone, and return those that are not."""
    deadline = time.monotonic() + seconds
    left = [pid for pid in pids if is_alive(pid)]
    while left and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        left = [pid for pid in left if is_alive(pid)]
    return left


def _pids() -> Iterator[int]:
    if PROC.is_dir():
        yield from (int(entry) for entry in os.listdir(PROC) if entry.isdigit())  # noqa: PTH208


def _read(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def _stat(pid: int) -> tuple[str, int] | None:
    """State letter and parent; the program's name before them may hold any character."""
    fields = _read(pid, "stat").rpartition(b")")[2].split()
    return (fields[0].decode(), int(fields[1])) if len(fields) > 1 else None


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return True
