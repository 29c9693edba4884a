"""The README's walk-throughs, run as they stand against the live service."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from tests.end_to_end.conftest import ROOT, Live, free_port

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


def test_the_receiver_takes_what_is_signed_and_refuses_the_rest(tmp_path: Path) -> None:
    port, secret = free_port(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    environment = {**os.environ, "WEBHOOK_SECRET": secret}
    script = blocks("py").replace("9000", str(port))
    body, now = '{"type": "job.succeeded", "data": {"job_id": "job_1"}}', datetime.now(UTC)
    headers = {"webhook-id": "evt_1", "webhook-timestamp": str(int(now.timestamp()))}
    signed = headers | {"webhook-signature": Webhook(secret).sign("evt_1", now, body)}
    transport = httpx.HTTPTransport(retries=8)  # until it listens
    with (
        subprocess.Popen(
            [sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE, text=True
        ) as receiver,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport) as client,
    ):
        try:
            assert client.post("/", content=body, headers=signed).status_code == 204
            assert client.post("/", content=body + " ", headers=signed).status_code == 401
            assert client.post("/", content=body, headers=headers).status_code == 401
        finally:
            receiver.terminate()
        assert receiver.stdout is not None
        assert receiver.stdout.read() == "job.succeeded job_1\n"


def test_the_python_walk_through_predicts_the_same_twice(live: Live, tmp_path: Path) -> None:
    printed = run([sys.executable, "-c"], blocks("python"), live, tmp_path)

    local, remote = printed.strip().splitlines()[-2:]
    numbers = re.compile(r"-?\d+\.?\d*")
    here = [float(n) for n in numbers.findall(local)]
    there = [float(n) for n in numbers.findall(remote)]
    assert len(here) == 3
    assert here == pytest.approx(there, rel=1e-6)
