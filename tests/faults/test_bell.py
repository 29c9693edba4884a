"""The dispatcher's bell: a broker that is not there costs a wake-up call, and no dispatcher."""

import pytest
from celery import Celery

from workers import dispatcher


def test_a_broker_that_is_down_does_not_end_the_dispatcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatcher, "celery", Celery(broker="redis://127.0.0.1:1/0"))

    dispatcher._send("job_1", "cpu")
