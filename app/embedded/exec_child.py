"""Become another program that dies with its parent. Run by path: only the standard library.

The order matters: a change of user clears the death signal, so that comes after it, and a parent
that died before is noticed by its id. Doing this in a program of its own, instead of between fork
and exec, keeps it safe in a process with threads.

The kernel sends the death signal when the *thread* that started the child ends, so children are
started from threads that live as long as the process does.
"""

import argparse
import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Parse ``--parent PID --signal N [--uid N] -- program ...``, prepare, and exec it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--uid", type=int)
    parser.add_argument("program", nargs="+")
    options = parser.parse_args(arguments)

    os.setsid()
    os.umask(0o077)
    if options.uid is not None:
        os.setgroups([])
        os.setresgid(options.uid, options.uid, options.uid)
        os.setresuid(options.uid, options.uid, options.uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, options.signal)
    if os.getppid() != options.parent:
        sys.exit("the parent is gone")
    os.execv(options.program[0], options.program)  # noqa: S606  (no shell wanted)


if __name__ == "__main__":
    main(sys.argv[1:])
