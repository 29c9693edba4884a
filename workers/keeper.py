"""Stands between a supervisor and the child it starts, so that neither leaves orphans.

``python -m workers.keeper PARENT MODULE FOLDER FD`` runs MODULE in a fork of itself and ends as it
ended. The kernel tells it at once when the supervisor is gone, however that died, and it then ends
its whole process group: the child, which may sit in a native call, and what the child has started.
Only the standard library, one thread, and nothing to do: that is why it can be relied on, and why a
fork is safe here.

The kernel sends the death signal when the *thread* that started the keeper ends.
"""

import ctypes
import os
import resource
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1
DEATH = signal.SIGHUP
HEARD = (signal.SIGCHLD, signal.SIGTERM, DEATH)


def main(parent: int, module: str, arguments: list[str]) -> None:
    """Start the child, and wait for its end or the supervisor's."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    _tie_to(parent, DEATH)
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        _tie_to(keeper, signal.SIGKILL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
        return
    os.close(int(arguments[-1]))  # the child's end of the pipe: it must close with the child
    _keep(child)


def _keep(child: int) -> None:
    """SIGTERM is for the child, which gets its own; it stays blocked here."""
    while True:
        if signal.sigwait({signal.SIGCHLD, DEATH}) == DEATH:
            os.killpg(os.getpgrp(), signal.SIGKILL)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _end_as(os.waitstatus_to_exitcode(status))


def _end_as(status: int) -> None:
    """End with the child's exit status, or by the signal that killed it."""
    if status < 0:
        number = signal.Signals(-status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), number)
    os._exit(status)


def _tie_to(parent: int, number: signal.Signals) -> None:
    """Have the kernel send a signal when the parent dies. Linux only; elsewhere the lease acts."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit("the parent is gone")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
