"""What the processes of an attempt hold, and whether the kernel killed for lack of memory."""

import os
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


def of_group(group: int) -> int:
    """Bytes that the processes of a group hold for themselves; 0 where there is no ``/proc``.

    A limit of the system binds every process by itself; what a job may hold is for all of them.
    Files and libraries that are mapped do not count: they are shared, and the kernel can drop them.
    """
    return sum(_private_bytes(pid) for pid in _pids() if _group_of(pid) == group)


def kernel_kills() -> int:
    """How many processes of this machine the kernel has killed for lack of memory so far."""
    lines = _read(PROC / "vmstat").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _pids() -> list[int]:
    try:
        return [int(entry.name) for entry in os.scandir(PROC) if entry.name.isdigit()]
    except OSError:
        return []


def _group_of(pid: int) -> int | None:
    """The name in the middle may hold anything, so what follows it is found from the end."""
    fields = _read(PROC / str(pid) / "stat").rpartition(") ")[2].split()
    return int(fields[2]) if fields else None


def _private_bytes(pid: int) -> int:
    fields = _read(PROC / str(pid) / "statm").split()
    return (int(fields[1]) - int(fields[2])) * PAGE_BYTES if fields else 0


def _read(path: Path) -> str:
    """A file of the kernel; nothing once its process is gone."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
