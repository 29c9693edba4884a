"""A child process that does what the job's name says: the ways in which real ones go wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workers.messages import Kind, Message

GLUTTON = "import time; held = b'x' * (256 << 20); time.sleep(600)"


def main(folder: str, descriptor: str) -> int:
    """Play the script that the job's file name asks for."""
    job = json.loads((Path(folder) / "job.json").read_text())
    stream = os.fdopen(int(descriptor), "wb", buffering=0)

    def say(kind: Kind, **data: object) -> None:
        stream.write(Message(kind, dict(data)).encode())

    script = job["dataset"]["filename"]
    if job["kind"] != "ingest":
        step_by_step(Path(folder), job, Path(script), say)
        return 0
    say("phase_started", phase="ingest")
    misbehave(script, job["attempt"])
    if script == "junk":
        stream.write(b"not json\n" + b'{"kind": 1}\n' + b"[]\n")
    if script == "silent":
        return 0
    if script == "user-error":
        say("failed", code="dataset_invalid", owner="user", message="no", hint="repair it")
        return 1
    public = Path(folder) / "phases" / "ingest"
    public.mkdir(parents=True)
    (public / "table.parquet").write_bytes(b"x")
    result = {"n_rows": 1, "columns": [], "problems": [], "profile": {}}
    say("phase_completed", phase="ingest", headline={}, seconds=0.1)
    say("done", **result)
    return 0


def step_by_step(folder: Path, job: dict[str, Any], gate: Path, say: Callable[..., None]) -> None:
    """All phases of the job's kind; the second waits for ``gate``, the third for one more."""
    waits = dict(zip(job["phases"][1:3], (gate, gate.with_name("another gate")), strict=True))
    for phase in job["phases"]:
        if phase in job["done"]:
            continue
        say("phase_started", phase=phase)
        while phase in waits and not waits[phase].exists():
            time.sleep(0.01)
        (folder / "phases" / phase).mkdir(parents=True)
        (folder / "phases" / phase / "left.txt").write_text(phase)
        say("phase_completed", phase=phase, headline={}, seconds=0.1)
    say("done")


def misbehave(script: str, attempt: int) -> None:
    """Die or hang."""
    if script == "kill-always" or (script == "kill-once" and attempt == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if script == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    if script == "glutton":
        subprocess.Popen([sys.executable, "-c", GLUTTON])
    if script in ("hang", "stubborn", "glutton"):
        sys.stdout.write("about to hang\n")
        sys.stdout.flush()
        time.sleep(600)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
