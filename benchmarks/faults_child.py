"""The child process of the fault harness: ``python -m benchmarks.faults_child FOLDER FD``.

It plays the script that the job's label ``script`` names, with the standard library alone, and
becomes the real child where there is none. Scripts: ``steady`` works through its phases;
``slow`` takes its time in the last one; ``endless`` never ends; ``stubborn`` neither, ignores
SIGTERM and has a child of its own; ``poison`` always dies.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import faults_scripts as scripts
from workers.messages import Kind, Message

Say = Callable[..., None]

PR_SET_PDEATHSIG = 1
SLOW_SECONDS = 1.0
ENDLESS_SECONDS = 600.0


def main(folder: str, descriptor: str) -> int:
    """Play the job's script."""
    job = json.loads((Path(folder) / "job.json").read_text())
    script = scripts.script_of(job)
    if script is None:
        from workers import child  # noqa: PLC0415  (heavy, and most jobs are scripted)

        return child.main(folder, descriptor)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with os.fdopen(int(descriptor), "wb", buffering=0) as stream:

        def say(kind: Kind, **data: object) -> None:
            stream.write(Message(kind, dict(data)).encode())

        play(Path(folder), job, script, say)
    return 0


def play(folder: Path, job: dict[str, Any], script: str, say: Say) -> None:
    """Work through the phases that no earlier attempt has finished."""
    salt = scripts.salt_of(job["kind"], job["seed"], job["dataset"]["filename"])
    phases = scripts.PHASES[job["kind"]]
    before = b""
    for phase in phases:
        path = folder / "phases" / phase / scripts.file_of(phase)
        if phase not in job["done"]:
            say("phase_started", phase=phase)
            path.parent.mkdir(parents=True, exist_ok=True)
            seconds = pass_time(script, salt, phase, last=phase == phases[-1])
            path.write_bytes(scripts.following(before, salt, phase))
            say("phase_completed", phase=phase, headline={}, seconds=seconds)
        before = path.read_bytes()
    say("done", **result(job))


def pass_time(script: str, salt: str, phase: str, *, last: bool) -> float:
    """Take as long as the script wants, or do not survive it; returns the seconds."""
    seconds = scripts.seconds_of(salt, phase)
    if script == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    if script == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({ENDLESS_SECONDS})"])
    if script in ("endless", "stubborn"):
        seconds = ENDLESS_SECONDS
    if script == "slow" and last:
        seconds = SLOW_SECONDS
    time.sleep(seconds)
    return seconds


def result(job: dict[str, Any]) -> dict[str, Any]:
    """What the kind's last transaction wants to know."""
    if job["kind"] == "ingest":
        return {"n_rows": 1, "columns": [], "problems": [], "profile": {}}
    if job["kind"] == "train":
        return {"register_as": f"net-{job['seed']}"}
    return {}


if __name__ == "__main__":
    status = main(sys.argv[1], sys.argv[2])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
