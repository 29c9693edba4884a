"""The worker of the fault harness: ``celery -A benchmarks.faults_worker worker``.

The service's own worker, whose children play scripts. It also has a task that does nothing, to
compare a job's start with.
"""

import os
import time

import redis

from app.settings import settings
from benchmarks import faults_patches
from workers.celery_app import celery

BARE = "faults.bare"

faults_patches.install_store()
faults_patches.install_child()
if os.environ.get(faults_patches.NO_FENCING):
    faults_patches.install_no_fencing()


@celery.task(name=BARE)
def bare(answer_to: str) -> None:
    """Say when it started, under a key of the broker that the harness waits at."""
    started = time.time()
    with redis.Redis.from_url(settings.broker_url) as client:
        client.rpush(answer_to, started)
