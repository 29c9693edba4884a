"""Queries for the metrics page. What happened is counted over the last minutes of the history.

The history grows in the order of time, so an index over ranges of its pages finds those minutes
whatever its length; nothing is counted while jobs run.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, text

Values = tuple[Any, ...]
WINDOW = timedelta(minutes=15)
QUANTILES = (0.5, 0.95)
RECENT: dict[str, Any] = {"window": WINDOW, "quantiles": list(QUANTILES)}

OLDEST_WAITING = text(
    """
    SELECT queue, extract(epoch FROM clock_timestamp() - min(queued_at))::float AS seconds
    FROM job WHERE status = 'queued' GROUP BY queue
    """
)
# The entry before a start is always the one that put the job into the queue.
WAITS = text(
    """
    SELECT job.queue, count(*) AS n,
        percentile_cont(CAST(:quantiles AS float[])) WITHIN GROUP (
            ORDER BY extract(epoch FROM start.created_at - queued.created_at)::float
        ) AS seconds
    FROM event AS start
    JOIN event AS queued ON queued.job_id = start.job_id AND queued.seq = start.seq - 1
    JOIN job ON job.id = start.job_id
    WHERE start.created_at > now() - :window AND start.type = 'job.starting'
    GROUP BY job.queue
    """
)
PHASES = text(
    """
    SELECT job.kind, event.data ->> 'phase' AS phase, count(*) AS n,
        percentile_cont(CAST(:quantiles AS float[])) WITHIN GROUP (
            ORDER BY (event.data ->> 'seconds')::float
        ) AS seconds
    FROM event JOIN job ON job.id = event.job_id
    WHERE event.created_at > now() - :window AND event.type = 'job.phase_completed'
    GROUP BY 1, 2
    """
)
MOVES = text(
    """
    SELECT job.kind, event.type, event.data ->> 'owner' AS owner, event.data ->> 'code' AS code,
        event.data ->> 'reason' AS reason, count(*) AS n
    FROM event JOIN job ON job.id = event.job_id
    WHERE event.created_at > now() - :window AND event.type = ANY (:types)
    GROUP BY 1, 2, 3, 4, 5
    """
)
OUTBOX = text(
    """
    SELECT count(*) AS n,
        coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float AS seconds
    FROM outbox
    """
)
RECEIVERS = text(
    """
    SELECT CASE WHEN disabled_at IS NOT NULL THEN 'disabled'
                WHEN failures > 0 THEN 'failing' ELSE 'sound' END AS state,
        count(*) AS n, sum(n_delivered)::float AS delivered, sum(n_failed)::float AS failed
    FROM webhook GROUP BY state
    """
)
BACKLOG = text(
    """
    SELECT count(*) AS n, coalesce(
        extract(epoch FROM clock_timestamp() - min(webhook_delivery.created_at)), 0
    )::float AS seconds
    FROM webhook_delivery JOIN webhook ON webhook.id = webhook_delivery.webhook_id
    WHERE webhook_delivery.status = 'pending' AND webhook.disabled_at IS NULL
    """
)


def oldest_waiting(db: Connection) -> list[Values]:
    """Queue and seconds: how long the job at its front has waited."""
    return [tuple(row) for row in db.execute(OLDEST_WAITING)]


def waits(db: Connection) -> list[Values]:
    """Queue, number of starts and quantiles of the seconds from queued to started."""
    return [tuple(row) for row in db.execute(WAITS, RECENT)]


def phases(db: Connection) -> list[Values]:
    """Kind, phase, how often it was finished and quantiles of its seconds."""
    return [tuple(row) for row in db.execute(PHASES, RECENT)]


def moves(db: Connection, types: list[str]) -> list[Values]:
    """Kind, event type, owner and code of a failure, reason of a new attempt, and how often."""
    return [tuple(row) for row in db.execute(MOVES, {"window": WINDOW, "types": types})]


def outbox(db: Connection) -> Values:
    """Wake-up calls that were not sent yet, and the age of the oldest."""
    return tuple(db.execute(OUTBOX).one())


def receivers(db: Connection) -> list[Values]:
    """Webhooks by state, with their deliveries that came to an end."""
    return [tuple(row) for row in db.execute(RECEIVERS)]


def backlog(db: Connection) -> Values:
    """Deliveries that wait for an enabled webhook, and the age of the oldest."""
    return tuple(db.execute(BACKLOG).one())
