"""Whether the service is usable, and how busy it is."""

from collections.abc import Callable
from typing import Any

import redis
from sqlalchemy import text

from app.db.queries import jobs, workers
from app.db.session import transaction
from app.domain.jobs import JobStatus
from app.science.registry import FolderRegistry
from app.services import blobs
from app.settings import settings

HEAD = "0004"


def checks() -> dict[str, dict[str, Any]]:
    """Each dependency: usable, required to serve, and why not."""
    return {
        "database": _check(_database, required=True),
        "migrations": _check(_migrations, required=True),
        "store": _check(_store, required=True),
        "broker": _check(_broker, required=False),
    }


def status() -> dict[str, Any]:
    """Queue depth and workers by device class."""
    with transaction() as db:
        depth, alive = jobs.depth(db), workers.alive(db)
    queued = {
        queue: sum(n for q, _, s, n in depth if q == queue and s == JobStatus.QUEUED)
        for queue in {row[0] for row in depth} | set(alive)
    }
    return {"queued": queued, "workers": alive}


def dataset_formats() -> tuple[str, ...]:
    """Names of the file formats, read off their folder without loading them."""
    return FolderRegistry[object]("app.tables.formats").names()


def _check(probe: Callable[[], None], *, required: bool) -> dict[str, Any]:
    try:
        probe()
    except Exception as error:  # noqa: BLE001  (whatever it is, it is the answer)
        return {"ok": False, "required": required, "detail": type(error).__name__}
    return {"ok": True, "required": required, "detail": "ok"}


def _database() -> None:
    with transaction() as db:
        db.execute(text("SELECT 1"))


def _migrations() -> None:
    with transaction() as db:
        at = db.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    if at != HEAD:
        raise LookupError(f"schema is at {at}, this code wants {HEAD}")


def _store() -> None:
    blobs.store().head("health/probe")


def _broker() -> None:
    client = redis.Redis.from_url(settings.broker_url, socket_timeout=2, socket_connect_timeout=2)
    with client:
        client.ping()
