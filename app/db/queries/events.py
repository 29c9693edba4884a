"""Queries on the history of jobs."""

from typing import Any

from sqlalchemy import Connection, bindparam, func, select, text

from app.db import rows
from app.db.base import Json
from app.db.queries import deliveries
from app.db.tables import event
from app.domain.jobs import Event
from app.domain.webhooks import EVERY_EVENT

CHANNEL = "adaptnet_events"

# One statement, so an event and its deliveries are there together or not at all, and a project
# without webhooks pays for one look into an index.
APPEND = text(
    """
    WITH added AS (
        INSERT INTO event (job_id, seq, type, data) VALUES (:job_id, :seq, :type, :data)
        RETURNING type, data, created_at AT TIME ZONE 'UTC' AS at
    )
    INSERT INTO webhook_delivery (id, project_id, webhook_id, event_id, event_type, payload)
    SELECT 'dlv_' || replace(gen_random_uuid()::text, '-', ''),
        job.project_id, webhook.id, CAST(:event_id AS varchar), added.type,
        jsonb_build_object(
            'type', added.type,
            'timestamp', to_char(added.at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'data', jsonb_build_object(
                'job_id', job.id, 'seq', job.seq, 'kind', job.kind, 'name', job.name,
                'labels', job.labels, 'dataset_version', job.dataset_version_id,
                'model_version', job.model_version_id, 'details', added.data,
                'links', jsonb_build_object('job', '/v1/jobs/' || job.id)
            )
        )
    FROM added
    JOIN job ON job.id = :job_id
    JOIN webhook ON webhook.project_id = job.project_id
    WHERE webhook.disabled_at IS NULL
      AND (added.type = ANY (webhook.events) OR :every = ANY (webhook.events))
    """
).bindparams(bindparam("data", type_=Json), every=EVERY_EVENT)


def append(db: Connection, job_id: str, seq: int, kind: str, data: dict[str, Any]) -> None:
    """Write the entry whose number the job row has just handed out, and wake the readers.

    The number comes from the same transaction's UPDATE of the job, so there are no gaps. The
    deliveries to the project's webhooks are made by the same statement.
    """
    event_id = f"evt_{job_id.removeprefix('job_')}_{seq}"
    values = {"job_id": job_id, "seq": seq, "type": kind, "data": data, "event_id": event_id}
    if db.execute(APPEND, values).rowcount:
        deliveries.ring(db)
    notify(db, job_id)


def notify(db: Connection, job_id: str) -> None:
    """Wake whoever waits for news of this job, once the transaction commits."""
    db.execute(select(func.pg_notify(CHANNEL, job_id)))


def after(db: Connection, job_id: str, seq: int, limit: int) -> list[Event]:
    """Entries behind ``seq`` in order."""
    query = (
        select(*rows.EVENT)
        .where(event.c.job_id == job_id, event.c.seq > seq)
        .order_by(event.c.seq)
        .limit(limit)
    )
    return [rows.event(row) for row in db.execute(query).mappings()]
