"""The README's walk-throughs, run as they stand against the live service."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import ROOT, Live

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> str:
    """All fenced blocks of one language in order, as one script."""
    return "\n".join(re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE))


def run(command: list[str], script: str, live: Live, folder: Path) -> str:
    """Run a script in a folder that sees the examples, and return what it printed."""
    (folder / "examples").symlink_to(ROOT / "examples")
    environment = {
        **os.environ,
        "ADAPTNET_URL": live.url,
        "ADAPTNET_KEY": live.key,
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [*command, script], cwd=folder, env=environment, capture_output=True, text=True, timeout=390
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_the_curl_walk_through_ends_with_a_prediction(live: Live, tmp_path: Path) -> None:
    script = blocks("sh").replace(
        '"target": "count",', '"target": "count", "baselines": {"sgd": false},'
    )

    printed = run(["bash", "-euo", "pipefail", "-c"], script, live, tmp_path)

    assert "event: job.succeeded" in printed
    assert '"predictions":[' in printed
    assert (tmp_path / "bikes-count.mmpkg").stat().st_size > 10_000


def test_the_python_walk_through_predicts_the_same_twice(live: Live, tmp_path: Path) -> None:
    printed = run([sys.executable, "-c"], blocks("python"), live, tmp_path)

    local, remote = printed.strip().splitlines()[-2:]
    numbers = re.compile(r"-?\d+\.?\d*")
    here = [float(n) for n in numbers.findall(local)]
    there = [float(n) for n in numbers.findall(remote)]
    assert len(here) == 3
    assert here == pytest.approx(there, rel=1e-6)
