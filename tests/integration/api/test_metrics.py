"""The metrics page against what happened, and against the files that use it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

import app
from app.db.session import engine, transaction
from app.domain.callers import Caller
from app.services import health, metrics
from app.settings import settings
from tests.integration import jobs as make
from tests.integration.workers.test_supervisor import attempt, job_for
from workers import reaper

DOCS = Path(app.__file__).resolve().parents[1] / "docs"
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana" / "adaptnet.json").read_text())
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DOCS / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [
    *(target["expr"] for panel in PANELS for target in panel["targets"]),
    *(rule["expr"] for rule in RULES),
]
OF_PROMETHEUS = {"job", "instance", "le"}

Samples = dict[str, dict[frozenset[tuple[str, str]], float]]


def scraped(client: TestClient) -> Samples:
    """Value by name and labels."""
    found: Samples = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        found.setdefault(family.name, {})
        for sample in family.samples:
            key = frozenset(sample.labels.items())
            found.setdefault(sample.name, {})[key] = sample.value
    return found


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples.get(f"adaptnet_{name}", {}).get(frozenset(labels.items()), 0.0)


@pytest.fixture(autouse=True)
def quiet(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of earlier tests waits."""
    monkeypatch.setattr(settings, "heartbeat_seconds", 0.1)  # the database may have just started
    reaper.tidy()
    with transaction() as db:
        db.execute(text("DELETE FROM webhook"))
        db.execute(text("DELETE FROM outbox"))


def test_what_happened_is_counted(client: TestClient, caller: Caller, tmp_path: Path) -> None:
    before = scraped(client)
    attempt(job_for(caller, tmp_path, "good"))
    attempt(job_for(caller, tmp_path, "user-error"))
    lost = make.upload(caller, tmp_path).job_id
    make.claim(lost, lease_seconds=-1)
    reaper.tidy()
    client.get("/v1/jobs/job_nope")
    after = scraped(client)

    def more(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("jobs", queue="io", kind="ingest", status="queued") == 1
    assert more("recent_attempts", kind="ingest") == 3
    assert more("recent_starts", queue="io") == 3
    assert more("recent_outcomes", kind="ingest", outcome="succeeded") == 1
    assert more("recent_outcomes", kind="ingest", outcome="failed") == 1
    failures = after["adaptnet_recent_failures"]
    assert any(dict(labels)["owner"] == "user" for labels in failures)
    assert more("recent_requeues", kind="ingest", reason="worker_lost") == 1
    assert more("recent_lease_losses") == 1
    assert more("recent_phases", kind="ingest", phase="ingest") == 1
    for quantile in ("0.5", "0.95"):
        labels = {"kind": "ingest", "phase": "ingest", "quantile": quantile}
        assert value(after, "recent_phase_seconds", **labels) > 0
        assert value(after, "recent_queue_wait_seconds", queue="io", quantile=quantile) > 0
    assert value(after, "queue_oldest_seconds", queue="io") > 0
    with transaction() as db:
        calls = db.execute(text("SELECT count(*) FROM outbox")).scalar_one()
    assert value(after, "outbox_calls") == calls > 0
    assert value(after, "outbox_oldest_seconds") > 0
    not_found = {"method": "GET", "route": "/v1/jobs/{job_id}", "status": "404"}
    assert more("http_requests_total", **not_found) == 1
    assert value(after, "database_up") == 1


def test_webhooks_are_counted_by_state(client: TestClient) -> None:
    url = {"url": "https://example.com/"}
    hooks = [client.post("/v1/webhooks", json=url).json() for _ in range(3)]
    for hook in hooks[:2]:
        client.post(hook["links"]["test"])
    client.patch(hooks[0]["links"]["self"], json={"enabled": False})
    with transaction() as db:
        failing = "UPDATE webhook SET failures = 1, n_failed = 2, n_delivered = 5 WHERE id = :id"
        db.execute(text(failing), {"id": hooks[1]["id"]})

    after = scraped(client)

    for state in ("sound", "failing", "disabled"):
        assert value(after, "webhook_receivers", state=state) == 1
    assert value(after, "webhook_pending") == 1
    assert value(after, "webhook_oldest_seconds") > 0
    assert value(after, "webhook_deliveries_total", outcome="delivered") == 5
    assert value(after, "webhook_deliveries_total", outcome="failed") == 2


@pytest.fixture
def no_database(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    engine().dispose()
    monkeypatch.setattr(settings, "database_url", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    engine.cache_clear()
    yield
    monkeypatch.undo()
    engine.cache_clear()


def test_without_the_database_the_page_says_so(client: TestClient, no_database: None) -> None:
    after = scraped(client)

    assert value(after, "database_up") == 0
    assert after["adaptnet_jobs"] == {}


def test_an_unexpected_error_is_counted_and_has_its_request_id(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = {"method": "GET", "route": "/v1/status", "status": "500"}
    before = value(scraped(client), "http_requests_total", **labels)
    monkeypatch.setattr(health, "status", lambda: 1 / 0)

    answer = client.get("/v1/status")

    assert answer.status_code == 500
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"]
    assert value(scraped(client), "http_requests_total", **labels) == before + 1


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    place = {"type": "integer", "minimum": 0}
    grid = {"type": "object", "required": ["h", "w", "x", "y"], "additionalProperties": place}
    target = {
        "type": "object",
        "required": ["refId", "expr", "datasource"],
        "properties": {"expr": {"type": "string", "minLength": 1}},
    }
    panel = {
        "type": "object",
        "required": ["id", "type", "title", "gridPos"],
        "properties": {
            "type": {"enum": ["row", "stat", "timeseries"]},
            "gridPos": grid,
            "targets": {"type": "array", "minItems": 1, "items": target},
        },
    }
    schema = {
        "type": "object",
        "required": ["title", "uid", "schemaVersion", "panels", "templating", "time"],
        "properties": {
            "uid": {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,40}$"},
            "schemaVersion": {"type": "integer", "minimum": 36},
            "panels": {"type": "array", "minItems": 10, "items": panel},
        },
    }
    jsonschema.validate(DASHBOARD, schema)
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_every_query_names_metrics_and_labels_that_exist(client: TestClient) -> None:
    families = text_string_to_metric_families(client.get("/metrics").text)
    labels = {metric.name: set(metric.labels) for metric in metrics.METRICS}
    labels["adaptnet_http_requests"] = {"method", "route", "status"}
    labels["adaptnet_http_seconds"] = {"method", "route"}
    assert set(labels) <= {family.name for family in families}
    for expression in EXPRESSIONS:
        found = re.findall(r"\b(adaptnet_\w+?)(?:_total|_bucket|_sum|_count)?\b(?!\w)", expression)
        groups = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
        used = {label.strip() for group in groups for label in group.split(",")}
        used |= set(re.findall(r'(\w+)\s*=~?\s*"', expression))

        assert found, expression
        assert set(found) <= set(labels), expression
        assert used <= OF_PROMETHEUS.union(*(labels[name] for name in found)), expression


def test_every_rule_says_what_is_wrong_and_what_to_do() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
