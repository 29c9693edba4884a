"""Starts the child process of an attempt and listens to it."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from workers import memory
from workers.messages import Message, Reader

PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "PYTHONPATH",
    "ADAPTNET_RUN",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
)
# Small products run on one BLAS thread, next to torch's; wide ones ask for more themselves.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
LOG = "log.txt"
LOG_EXCERPT_BYTES = 4096
POLL_SECONDS = 0.2
EXIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Exit:
    """How a child ended: its exit status, negative for a signal, and what the kernel did."""

    status: int
    killed_by_kernel: bool = False

    def __str__(self) -> str:
        """In words, for people."""
        if self.status >= 0:
            return f"exit status {self.status}"
        whose = ", sent by the kernel for lack of memory" if self.killed_by_kernel else ""
        return f"{signal.Signals(-self.status).name}{whose}"


class Child:
    """One attempt's process group: ``python -m MODULE FOLDER FD`` under a keeper.

    It gets no credentials in its environment, its end closes the pipe, and the whole group ends
    with this process.
    """

    def __init__(self, root: Path, module: str = "workers.child") -> None:
        self._log = root / LOG
        self._kernel_kills = memory.kernel_kills()
        read_end, write_end = os.pipe()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "workers.keeper", str(os.getpid())),
                    *(module, str(root), str(write_end)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(write_end,),
                start_new_session=True,
                env=ENVIRONMENT
                | {name: value for name, value in os.environ.items() if name in PASSED_ON},
            )
        os.close(write_end)
        self._pipe = read_end
        self._reader = Reader()
        self.pid = self._process.pid

    def messages(self) -> Iterator[Message | None]:
        """Messages as they come, and None at least every ``POLL_SECONDS`` to look up at.

        Ends when the child has closed the pipe, that is, when it and its children are gone.
        """
        while True:
            readable, _, _ = select.select([self._pipe], [], [], POLL_SECONDS)
            if not readable:
                if self._process.poll() is not None:
                    self.kill()  # a grandchild may hold the pipe open
                yield None
                continue
            chunk = os.read(self._pipe, 1 << 16)
            if not chunk:
                return
            yield from self._reader.feed(chunk)

    def terminate(self) -> None:
        """Ask the whole group to end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the whole group."""
        self._signal(signal.SIGKILL)

    def close(self) -> Exit:
        """Wait for the end and say how it came.

        The pipe closes a moment before the interpreter is gone.
        """
        os.close(self._pipe)
        deadline = time.monotonic() + EXIT_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        self.kill()
        status = self._process.wait()
        killed = status == -signal.SIGKILL and memory.kernel_kills() > self._kernel_kills
        return Exit(status, killed)

    def memory_bytes(self) -> int:
        """What its whole group holds."""
        return memory.of_group(self.pid)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)


def log_excerpt(root: Path) -> str:
    """The last lines that a child wrote; nothing before its start."""
    try:
        with (root / LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_EXCERPT_BYTES))
            return log.read().decode(errors="replace").replace("\0", "\ufffd")
    except FileNotFoundError:
        return ""
