"""A webhook of the whole service: from an upload over HTTP to a signed request."""

import json

import pytest
from standardwebhooks import Webhook

from app.client import Client
from tests.end_to_end.conftest import Live
from tests.integration.receiver import receiving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def test_the_end_of_an_upload_is_told_and_noted(client: Client, live: Live) -> None:
    with receiving() as receiver:
        hook = client.webhooks.create(receiver.url)
        dataset = client.datasets.create("told", b"a,b\n1,2\n3,4\n").wait()

        got = receiver.get()

        event = Webhook(str(hook.secret)).verify(got.body, got.headers)
        assert event["type"] == "job.succeeded"
        assert event["data"]["dataset_version"] == dataset.document["id"]
        hook.delete()
    log = (live.home / "logs" / "dispatcher.log").read_text().splitlines()
    (told,) = [line for line in map(json.loads, log) if line.get("event_id") == got.id]
    assert (told["event"], told["webhook"], told["status"]) == ("webhook sent", hook.id, 200)
    acts = [entry.action for entry in client.audit.list(3)]
    assert acts == ["webhook.deleted", "dataset.uploaded", "webhook.created"]
