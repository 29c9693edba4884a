"""Which queued job a free worker gets, and how many others go before one that waits.

Priority decides first. Among equals it is the turn of the project with the fewest running jobs,
then of the one that was served longest ago, and a project's own jobs go by age. So whoever queues
a thousand jobs delays the first job of somebody else by one job at most.
"""

import json
from collections.abc import Mapping

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from app.db.queries import moves
from app.db.tables import job, turn
from app.domain.fair_share import Standing
from app.domain.jobs import LEASED, Job

_LEASED = ", ".join(f"'{status}'" for status in sorted(LEASED))

# One claim of a queue follows another. A worker that stops in the middle, by whatever hand, holds
# up the others for ten seconds: then the server ends its transaction.
IN_TURN = text("""
SELECT set_config('idle_in_transaction_session_timeout', '10s', true),
       pg_advisory_xact_lock(hashtext('claim'), hashtext(:queue))
""")

# The recursion steps from project to project over the index of waiting jobs: one probe a project,
# however many jobs it has queued.
NEXT = text(f"""
WITH RECURSIVE waiting (project_id) AS (
    (SELECT min(project_id) FROM job WHERE status = 'queued' AND queue = :queue)
    UNION ALL
    SELECT (
        SELECT min(project_id) FROM job
        WHERE status = 'queued' AND queue = :queue AND project_id > waiting.project_id
    )
    FROM waiting WHERE waiting.project_id IS NOT NULL
), running (project_id, n) AS (
    SELECT project_id, count(*) FROM job
    WHERE status IN ({_LEASED}) AND queue = :queue GROUP BY project_id
)
SELECT job.id
FROM waiting
LEFT JOIN running USING (project_id)
LEFT JOIN turn ON turn.queue = :queue AND turn.project_id = waiting.project_id
CROSS JOIN LATERAL (
    SELECT id FROM job
    WHERE status = 'queued' AND queue = :queue AND project_id = waiting.project_id
      AND paused_at IS NULL AND (run_after IS NULL OR run_after <= clock_timestamp())
      AND attempt < max_attempts
      AND spec_version <= CAST(CAST(:known AS jsonb) ->> kind AS integer)
    ORDER BY priority DESC, created_at, id LIMIT 1
) AS first
JOIN job ON job.id = first.id AND job.status = 'queued'
WHERE coalesce(running.n, 0) < :quota
ORDER BY job.priority DESC, coalesce(running.n, 0), turn.served_at NULLS FIRST, job.created_at
LIMIT 1
FOR UPDATE OF job SKIP LOCKED
""")  # noqa: S608  (only our own constants)


def claim_next(
    db: Connection,
    queue: str,
    worker: str,
    lease_seconds: float,
    *,
    known: Mapping[str, int],
    quota: int,
) -> Job | None:
    """Take the queued job of ``queue`` whose turn it is. None means that there is nothing to do.

    Only kinds in ``known``, and spec versions up to the one there, are taken. A project holds
    ``quota`` jobs of a queue at most: an advisory lock lets one claim of a queue follow another, so
    each one counts what the ones before it took. A job whose row somebody else has locked is passed
    over; whoever held it rings again when it is free.
    """
    db.execute(IN_TURN, {"queue": queue})
    values = {"queue": queue, "known": json.dumps(dict(known)), "quota": quota}
    job_id = db.execute(NEXT, values).scalar_one_or_none()
    claimed = None if job_id is None else moves.claim(db, job_id, worker, lease_seconds)
    if claimed is not None:
        served = upsert(turn).values(
            queue=queue, project_id=claimed.project_id, served_at=moves.NOW
        )
        db.execute(
            served.on_conflict_do_update(
                index_elements=["queue", "project_id"], set_={"served_at": moves.NOW}
            )
        )
    return claimed


def n_running(db: Connection, queue: str, project_id: str) -> int:
    """Jobs of a project that hold a worker of a queue."""
    query = (
        select(func.count())
        .select_from(job)
        .where(job.c.project_id == project_id, job.c.status.in_(LEASED), job.c.queue == queue)
    )
    return db.execute(query).scalar_one()


def n_above(db: Connection, waiting: Job) -> int:
    """Jobs of the same queue that wait with a higher priority."""
    query = (
        select(func.count())
        .select_from(job)
        .where(moves.CLAIMABLE, job.c.queue == waiting.queue, job.c.priority > waiting.priority)
    )
    return db.execute(query).scalar_one()


def standings(db: Connection, waiting: Job) -> list[Standing]:
    """Every project that waits in the queue with this priority, the job's own among them."""
    running = (
        select(job.c.project_id, func.count().label("n"))
        .where(job.c.status.in_(LEASED), job.c.queue == waiting.queue)
        .group_by(job.c.project_id)
        .subquery()
    )
    queued = (
        select(
            job.c.project_id,
            func.count().label("n"),
            func.min(job.c.created_at).label("oldest"),
            func.count().filter(job.c.created_at < waiting.created_at).label("older"),
        )
        .where(moves.CLAIMABLE, job.c.queue == waiting.queue, job.c.priority == waiting.priority)
        .group_by(job.c.project_id)
        .subquery()
    )
    served = (turn.c.project_id == queued.c.project_id) & (turn.c.queue == waiting.queue)
    query = (
        select(
            queued.c.project_id,
            queued.c.n,
            queued.c.older,
            func.coalesce(running.c.n, 0),
            turn.c.served_at,
            queued.c.oldest,
        )
        .outerjoin(running, running.c.project_id == queued.c.project_id)
        .outerjoin(turn, served)
    )
    return [Standing(*row) for row in db.execute(query)]
