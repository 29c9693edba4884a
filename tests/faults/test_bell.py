"""The dispatcher's bell: a broker that is not there costs a wake-up call, and no dispatcher."""

import pytest
from celery import Celery

from workers import dispatcher
from workers.celery_app import celery


def test_a_broker_that_is_down_does_not_end_the_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = Celery(broker="redis://127.0.0.1:1/0")
    nowhere.conf.broker_transport_options = celery.conf.broker_transport_options
    monkeypatch.setattr(dispatcher, "celery", nowhere)

    dispatcher._send("job_1", "cpu")
