"""Child processes that never outlive us."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.embedded import exec_child, processes
from app.embedded.errors import ChildFailed

MAX_LOG_BYTES = 10 << 20
TAIL_BYTES = 1500
NOBODY = 65534


@dataclass(frozen=True, slots=True)
class Command:
    """How one child is started and how it is asked to end."""

    name: str
    argv: tuple[str, ...]
    log: Path
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    uid: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace_seconds: float = 10.0


class Child:
    """One running command. Its own session keeps the terminal's Ctrl-C away from it."""

    def __init__(self, command: Command) -> None:
        self.command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        """The process id, or 0 before the start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the command; also after an earlier one has died."""
        command = self.command
        _rotate(command.log)
        with command.log.open("ab") as log:
            command.log.chmod(0o600)
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                wrapped(command.argv, death_signal=command.death_signal, uid=command.uid),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=command.cwd,
                env={**os.environ, **command.env},
            )

    def exit_status(self) -> int | None:
        """``None`` while it runs; negative is minus the signal that killed it."""
        return self._process.poll() if self._process else None

    def check(self) -> None:
        """Raise ``ChildFailed`` with the end of the log if the child is dead."""
        status = self.exit_status()
        if status is not None:
            raise ChildFailed(f"{self.command.name} {describe(status)}:\n{self.log_tail()}")

    def ask_to_stop(self) -> None:
        """Send the stop signal and do not wait."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(self.command.stop_signal)

    def kill(self) -> None:
        """End it now."""
        if self._process and self._process.poll() is None:
            self._process.kill()

    def stop(self, grace_seconds: float | None = None) -> None:
        """Ask, wait for the grace time, then kill; its children too, in whatever group."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        family = processes.descendants(process.pid)
        self.ask_to_stop()
        grace = self.command.grace_seconds if grace_seconds is None else grace_seconds
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        processes.end(family, first=signal.SIGKILL, grace_seconds=5.0)

    def log_tail(self) -> str:
        """The end of what the child has written since its start."""
        try:
            data = self.command.log.read_bytes()
        except OSError:
            return "(no log)"
        return data[self._log_start :][-TAIL_BYTES:].decode(errors="replace").strip()


def wrapped(
    argv: tuple[str, ...], *, death_signal: signal.Signals, uid: int | None = None
) -> list[str]:
    """Put the program that ties a child's life to ours in front of a command."""
    wrapper = [sys.executable, "-I", "-S", exec_child.__file__]
    fate = ["--parent", str(os.getpid()), "--signal", str(int(death_signal))]
    user = [] if uid is None else ["--uid", str(uid)]
    return [*wrapper, *fate, *user, "--", *argv]


def describe(status: int) -> str:
    """Say in words how a process ended."""
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def wait_for(ready: Callable[[], bool], child: Child, seconds: float) -> None:
    """Poll until ``ready()`` is true; stop early when the child dies."""
    deadline = time.monotonic() + seconds
    while not ready():
        child.check()
        if time.monotonic() > deadline:
            name = child.command.name
            raise ChildFailed(f"{name} did not answer in {seconds:.0f} s:\n{child.log_tail()}")
        time.sleep(processes.POLL_SECONDS)


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
        log.replace(log.with_name(f"{log.name}.1"))
