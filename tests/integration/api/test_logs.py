"""Logs of real processes: every line is JSON with its ids, and no secret is anywhere."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app import logs
from app.db.session import transaction
from app.domain.callers import Caller
from tests.integration.api.conftest import Logged
from tests.integration.api.test_keys import routes
from tests.integration.server import running
from tests.integration.workers.test_supervisor import until

BODIES: list[dict[str, Any]] = [
    {},
    {"content": b"{", "headers": {"Content-Type": "application/json"}},
    {"json": {"kind": "trian", "url": "https://example.com", "name": "n", "rows": [[1]]}},
]


@pytest.fixture
def log(live: Logged) -> Path:
    return live.log


@pytest.fixture
def api(live: Logged, secret: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=live.served.url, timeout=30, headers=headers) as client:
        yield client


def lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def everywhere() -> str:
    """All rows of all tables, but for the column that has to hold signing secrets."""
    names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    with transaction() as db:
        return "\n".join(
            str(row)
            for table in db.execute(text(names)).scalars().all()
            for row in db.execute(
                text(f"SELECT to_jsonb(t) - 'secret' FROM {table} t")  # noqa: S608  (our own names)
            ).scalars()
        )


def test_a_key_and_a_signing_secret_appear_nowhere(
    api: httpx.Client, secret: str, log: Path
) -> None:
    hook = api.post("/v1/webhooks", json={"url": "http://127.0.0.1:9/"}).json()
    api.post(hook["links"]["test"])
    with running("from workers import dispatcher; dispatcher.main()", log):
        seen = []
        for method, path in routes():
            for body in BODIES:
                with api.stream(method, path, **body) as answer:
                    answer.read()
                    seen.append(f"{answer.headers} {answer.text}")
        seen.append(api.get(f"/v1/jobs/{secret}").headers["X-Request-ID"])
        wrong = {"Authorization": f"Bearer {secret}x"}
        seen.append(api.get("/v1/jobs", headers=wrong).text)
        until(lambda: "webhook not taken" in log.read_text())

    canary, signing = secret.split("_", 2)[2], hook["secret"].removeprefix("whsec_")
    written, rows, answers = log.read_text(), everywhere(), "\n".join(seen)
    assert len(lines(log)) > len(seen) / 2
    for name, place in (("log", written), ("rows", rows), ("answers", answers)):
        assert canary not in place, name
        assert signing not in place, name
    assert '"[secret]' not in rows
    assert "/v1/jobs/[secret]" in written


def test_every_line_of_a_request_has_its_ids(api: httpx.Client, caller: Caller, log: Path) -> None:
    mine = api.get("/v1/me", headers={"X-Request-ID": "my-request-1"})
    api.get("/livez", headers={"X-Request-ID": "no good"})

    assert mine.headers["X-Request-ID"] == "my-request-1"
    requests = [line for line in lines(log) if line["event"] == "request"]
    (found,) = [line for line in requests if line["request_id"] == "my-request-1"]
    assert (found["path"], found["status"]) == ("/v1/me", 200)
    assert (found["project"], found["key"]) == (caller.project_id, caller.key_id)
    assert all(line["request_id"] and line["timestamp"] and line["level"] for line in requests)


def test_a_job_knows_the_request_that_it_came_with(api: httpx.Client, caller: Caller) -> None:
    api.put("/v1/datasets/d/content", content=b"a\n1\n", headers={"X-Request-ID": "the-upload"})

    with transaction() as db:
        query = text("SELECT request_id FROM job WHERE project_id = :p")
        assert db.execute(query, {"p": caller.project_id}).scalars().all() == ["the-upload"]


@pytest.mark.parametrize(
    "line",
    [
        "ank_01k8x9c2v0000000000000000a_s3cr3t-Canary",
        "whsec_s3cr3tCanary+/=",
        "connection to postgresql://adaptnet:s3cr3tCanary@db:5432/x failed",
        'redis "redis://:s3cr3tCanary@redis:6379/0"',
        "{'Authorization': 'Bearer s3cr3tCanary'}",
        "authorization: bearer s3cr3tCanary",
        "host=db password=s3cr3tCanary dbname=x",
    ],
)
def test_secrets_are_blotted_out(line: str) -> None:
    assert "s3cr3t" not in logs.redact(line)
    assert "[secret]" in logs.redact(line)


def test_other_text_stays() -> None:
    line = '{"a": "https://example.com/x?y=1", "b": "me@example.com", "event": "the password is"}'

    assert logs.redact(line) == line
