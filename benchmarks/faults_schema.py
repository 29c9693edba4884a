"""Whether the service keeps to its OpenAPI document, whatever it is sent.

``python -m benchmarks.faults_schema [--quick] --json -`` starts the embedded service with two
projects, trains a small model in one of them, and has schemathesis examine every operation of the
document with both keys: examples, boundary values, valid and invalid data, and sequences along the
links. 0 server errors, 0 schema violations and 0 sights of the other project are wanted.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.client import Client
from benchmarks.end_to_end import machine, service

PHASES = "examples,coverage,fuzzing,stateful"
NOT_ASKED = "positive_data_acceptance"
"""Much that is valid by its form must be refused: cursors no list made, columns no table has."""

ROOT = Path(__file__).resolve().parents[1]
TABLE = "x,z,y\n" + "".join(f"{i % 17},{i % 5},{(i % 17) * 2 + i % 5}\n" for i in range(240))


@dataclass(frozen=True)
class Places:
    """Ids that exist in the owner's project, by parameter, and what others must never see."""

    known: dict[str, list[str]]
    secrets: list[str]


@dataclass(frozen=True)
class Finding:
    """What schemathesis found with one key."""

    key: str
    operations: int
    seconds: float
    failures: dict[str, int] = field(default_factory=dict)
    output: str = ""


def main() -> int:
    """Examine with both keys and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few examples")
    parser.add_argument("--json", metavar="PATH", help="write JSON; - is stdout")
    options = parser.parse_args()
    examples = 10 if options.quick else 100
    with (
        tempfile.TemporaryDirectory(prefix="adaptnet-schema-") as folder,
        service(Path(folder)) as owner,
    ):
        places = prepare(owner)
        keys = {
            "owner": (Path(folder) / "home" / "api-key").read_text().strip(),
            "other project": other_key(Path(folder) / "home"),
        }
        found = [
            examine(owner.url, name, key, places, examples=examples) for name, key in keys.items()
        ]
    passed = all(finding.operations and not finding.failures for finding in found)
    document = {"machine": machine(), "found": [asdict(f) for f in found], "passed": passed}
    text = json.dumps(document, indent=1)
    if options.json not in (None, "-"):
        Path(options.json).write_text(text)
    print(text if options.json == "-" else "\n".join(f.output for f in found))
    return 0 if passed else 1


def prepare(owner: Client) -> Places:
    """One thing of each kind in the owner's project."""
    with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
        file.write(TABLE)
        file.flush()
        data = owner.datasets.create("schema", file.name).wait()
    job = owner.train(data, "y", register_as="schema-net", baselines={"sgd": False}).wait()
    if job.status != "succeeded":
        raise SystemExit(f"the training failed: {job.error}")
    me = owner.me()
    known = {
        "datasets.name": ["schema"],
        "datasets.reference": ["schema", "schema@1", "schema@latest"],
        "models.name": ["schema-net"],
        "models.reference": ["schema-net", "schema-net@1"],
        "version": ["1"],
        "job_id": [job.id],
        "jobs.name": [artifact.name for artifact in job.artifacts()],
    }
    return Places(known, [job.id, me["project_id"], me["key_id"]])


def other_key(home: Path) -> str:
    """An admin key of a second project."""
    url = json.loads((home / "servers.json").read_text())["database_url"]
    done = subprocess.run(
        [sys.executable, "-m", "app.services.bootstrap", "other"],
        env={**os.environ, "ADAPTNET_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return done.stdout.strip()


def examine(
    url: str, name: str, key: str, places: Places, *, examples: int, phases: str = PHASES
) -> Finding:
    """Run schemathesis over the whole document with one key."""
    secrets = [] if name == "owner" else places.secrets
    with tempfile.TemporaryDirectory(prefix="adaptnet-schema-") as folder:
        report = Path(folder) / "junit.xml"
        started = time.perf_counter()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli"),
                *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {key}"),
                *("--max-examples", str(examples), "--phases", phases, "--no-color"),
                *("--report-junit-path", str(report), "--request-timeout", "90"),
                *("--generation-deterministic", "--exclude-checks", NOT_ASKED),
            ],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "benchmarks.faults_schema_hooks",
                "ADAPTNET_SCHEMA_PLACES": json.dumps(places.known),
                "ADAPTNET_SCHEMA_SECRETS": json.dumps(secrets),
                "ADAPTNET_SCHEMA_OWN_KEY": f"key_{key.split('_')[1]}",
            },
            capture_output=True,
            text=True,
        )
        seconds = round(time.perf_counter() - started, 1)
        operations, failures = read_report(report)
    sys.stderr.write(f"{name}: {operations} operations in {seconds} s, failures {failures}\n")
    return Finding(name, operations, seconds, failures, done.stdout + done.stderr)


def read_report(path: Path) -> tuple[int, dict[str, int]]:
    """Operations that were examined, and failures by kind."""
    if not path.exists():
        return 0, {}
    cases = list(ET.parse(path).getroot().iter("testcase"))  # noqa: S314  (our own file)
    kinds: Counter[str] = Counter()
    for case in cases:
        for found in (*case.iter("failure"), *case.iter("error")):
            kinds[(found.get("message") or found.text or "error").strip().split("\n")[0][:120]] += 1
    return len(cases), dict(kinds)


if __name__ == "__main__":
    sys.exit(main())
