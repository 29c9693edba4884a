"""Long polls: answer when a job has ended, or after some seconds."""

import time
from typing import Annotated

from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool

from app.api.news import News, wait
from app.db.session import transaction
from app.domain.callers import Caller
from app.domain.jobs import Job
from app.services import jobs

POLL_SECONDS = 2.0

Wait = Annotated[float, Query(ge=0, le=60, description="Seconds to wait for the end")]


def news_of(request: Request) -> News:
    """The process's news desk."""
    desk: News = request.app.state.news
    return desk


async def wait_for_job(request: Request, caller: Caller, job_id: str, seconds: float) -> Job:
    """The job, once it has ended or the time is up."""

    def read() -> Job:
        with transaction() as db:
            return jobs.get(db, caller, job_id)

    deadline = time.monotonic() + seconds
    async with news_of(request).subscribe(job_id) as event:
        while True:
            job = await run_in_threadpool(read)
            left = deadline - time.monotonic()
            if job.terminal or left <= 0:
                return job
            await wait(event, min(POLL_SECONDS, left))
