"""What the jobs of the fault harness do, and what each of their phases must have written.

A phase's file is a function of the job's salt and of the file before it. Whoever knows the salt
knows every byte, so a file that was lost, mixed up or taken from another attempt is found out.
"""

import hashlib
import random
from typing import Any

PHASES = {
    "ingest": ("ingest",),
    "analyze": ("materialize", "dimension", "report"),
    "train": ("materialize", "teacher", "report", "package"),
}
"""The phases that a script plays: a few of those that the kind has."""

FILES = {"ingest": "table.parquet", "package": "public/model.mmpkg"}
"""Where a phase's file must lie for the service to find it; elsewhere it is ``work.bin``."""

PREFIX = "script-"
SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 0.3
FILE_BYTES = 4096


def script_of(job: dict[str, Any]) -> str | None:
    """Which script ``job.json`` asks for; None for a job that does its real work."""
    label: str | None = job["spec"].get("labels", {}).get("script")
    filename = str(job["dataset"]["filename"])
    if label is None and job["kind"] == "ingest" and filename.startswith(PREFIX):
        return "steady"
    return label


def salt_of(kind: str, seed: int, filename: str) -> str:
    """What a job's files depend on: the seed of its body, or an upload's file name."""
    return filename if kind == "ingest" else f"{kind}-{seed}"


def content(salt: str, kind: str, phase: str) -> bytes:
    """What ``phase`` must have written."""
    data = b""
    for name in PHASES[kind]:
        data = following(data, salt, name)
        if name == phase:
            break
    return data


def following(data: bytes, salt: str, phase: str) -> bytes:
    """A phase's file from the one before it."""
    digest = hashlib.sha256(data + f"{salt}/{phase}".encode()).digest()
    return digest * (FILE_BYTES // len(digest))


def file_of(phase: str) -> str:
    """The name of a phase's file in its folder."""
    return FILES.get(phase, "work.bin")


def seconds_of(salt: str, phase: str) -> float:
    """How long a phase takes."""
    draw = random.Random(f"{salt}/{phase}")  # noqa: S311  (no secret)
    return draw.uniform(SHORTEST_SECONDS, LONGEST_SECONDS)
