"""Webhooks on their way: signed, tried again, never lost, and no receiver harms another."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from app.db.session import engine, transaction
from app.domain.callers import Caller
from app.domain.webhooks import Answer, Letter
from app.services import deliveries
from app.services import jobs as job_service
from app.settings import settings
from tests.integration import jobs as make
from tests.integration.receiver import Got, Receiver, drip, receiving, redirect
from tests.integration.server import running
from tests.integration.workers.test_supervisor import until
from workers import deliverer

Json = dict[str, Any]


@pytest.fixture(autouse=True)
def trying_out(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "webhook_allow_private", True)
    monkeypatch.setattr(settings, "dispatch_poll_seconds", 0.05)
    yield
    with transaction() as db:
        db.execute(text("DELETE FROM webhook"))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def delivering() -> Iterator[None]:
    """A deliverer at work."""
    with at_work():
        yield


@contextlib.contextmanager
def at_work() -> Iterator[None]:
    """A deliverer in a thread, as the dispatcher has one."""
    stopped = threading.Event()
    thread = threading.Thread(target=deliverer.run, args=(stopped,))
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture
def cancelled_job(caller: Caller, tmp_path: Path) -> Callable[[], str]:
    """Make a job and cancel it: two events, of which the second ends it."""

    def make_one() -> str:
        job_id = make.upload(caller, tmp_path).job_id
        with transaction() as db:
            job_service.cancel(db, caller, job_id)
        return job_id

    return make_one


def add(client: TestClient, receiver: Receiver, **body: object) -> Json:
    answer = client.post("/v1/webhooks", json={"url": receiver.url, **body})
    assert answer.status_code == 201, answer.text
    made: Json = answer.json()
    return made


def sent(client: TestClient, hook: Json) -> list[Json]:
    found: list[Json] = client.get(hook["links"]["deliveries"]).json()["data"]
    return found


def reaches(client: TestClient, hook: Json, **fields: object) -> Json:
    """Wait until the newest delivery has these fields."""
    until(lambda: fields.items() <= sent(client, hook)[0].items())
    return sent(client, hook)[0]


def make_due(hook: Json) -> None:
    """As if the pauses were over."""
    with transaction() as db:
        values = {"id": hook["id"]}
        due = "UPDATE webhook_delivery SET next_try_at = now() WHERE webhook_id = :id"
        db.execute(text(due), values)
        db.execute(text("UPDATE webhook SET paused_until = NULL WHERE id = :id"), values)


def verified(got: Got, secret: str) -> Json:
    payload: Json = Webhook(secret).verify(got.body, got.headers)
    return payload


def test_an_end_of_a_job_arrives_signed(
    client: TestClient,
    receiver: Receiver,
    cancelled_job: Callable[[], str],
    delivering: None,
) -> None:
    hook = add(client, receiver)
    job_id = cancelled_job()

    got = receiver.get()

    payload = verified(got, hook["secret"])
    events = client.get(f"/v1/jobs/{job_id}/events").json()["data"]
    assert payload["type"] == "job.cancelled"
    assert payload["timestamp"][:19] == events[1]["created_at"][:19]
    assert payload["data"]["job_id"] == job_id
    assert (payload["data"]["seq"], payload["data"]["kind"]) == (2, "ingest")
    assert client.get(payload["data"]["links"]["job"]).json()["status"] == "cancelled"
    with pytest.raises(WebhookVerificationError):
        verified(Got(got.path, got.headers, got.body + b" "), hook["secret"])
    done = reaches(client, hook, status="delivered")
    assert (done["event_id"], done["tries"], done["response_status"]) == (got.id, 1, 200)
    assert done["payload"] == payload
    assert len(sent(client, hook)) == 1  # job.queued is not among the events by default


def test_an_event_and_its_deliveries_are_there_together_or_not_at_all(
    client: TestClient, receiver: Receiver, caller: Caller, tmp_path: Path
) -> None:
    hook = add(client, receiver, events=["job.*"])
    job_id = make.upload(caller, tmp_path).job_id

    with engine().begin() as db:
        job_service.cancel(db, caller, job_id)
        db.rollback()
    assert [d["event_type"] for d in sent(client, hook)] == ["job.queued"]

    with transaction() as db:
        job_service.cancel(db, caller, job_id)
    assert [d["event_type"] for d in sent(client, hook)] == ["job.cancelled", "job.queued"]


def test_500_is_tried_again_with_the_same_id(
    client: TestClient,
    receiver: Receiver,
    cancelled_job: Callable[[], str],
    delivering: None,
) -> None:
    hook = add(client, receiver)
    receiver.answer(500, 200)
    cancelled_job()

    first = receiver.get()
    refused = reaches(client, hook, tries=1)
    assert (refused["status"], refused["error"]) == ("pending", "HTTP 500")
    assert client.get(hook["links"]["self"]).json()["failures"] == 1
    make_due(hook)
    second = receiver.get()

    assert first.id == second.id
    assert verified(first, hook["secret"]) == verified(second, hook["secret"])
    reaches(client, hook, status="delivered", tries=2, error=None)
    shown = client.get(hook["links"]["self"]).json()
    assert (shown["failures"], shown["failing_since"], shown["delivered"]) == (0, None, 1)


def test_after_eight_tries_it_is_given_up_and_can_be_replayed(
    client: TestClient,
    receiver: Receiver,
    cancelled_job: Callable[[], str],
    delivering: None,
) -> None:
    hook = add(client, receiver)
    receiver.answer(503)
    cancelled_job()

    ids = {receiver.get().id}
    for tries in range(1, 8):
        reaches(client, hook, tries=tries)
        make_due(hook)
        ids.add(receiver.get().id)
    failed = reaches(client, hook, status="failed", tries=8)
    make_due(hook)
    receiver.answer(204)
    again = client.post(failed["links"]["replay"])

    assert (again.status_code, again.json()["status"]) == (202, "pending")
    assert ids == {receiver.get().id}
    reaches(client, hook, status="delivered", tries=1)
    assert receiver.idle


def test_a_receiver_that_hangs_delays_no_other(
    client: TestClient, receiver: Receiver, cancelled_job: Callable[[], str], delivering: None
) -> None:
    over = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        over.wait(20)

    with receiving() as hanging:
        hanging.answer(hang)
        stuck, sound = add(client, hanging), add(client, receiver)
        cancelled_job()
        hanging.get()

        for _ in range(3):
            cancelled_job()
            receiver.get()

        reaches(client, sound, status="delivered")
        assert {d["status"] for d in sent(client, stuck)} == {"pending"}
        assert hanging.idle  # one at a time
        over.set()


def test_the_time_limit_is_for_the_whole_answer(
    client: TestClient,
    receiver: Receiver,
    cancelled_job: Callable[[], str],
    delivering: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    over = threading.Event()
    monkeypatch.setattr(settings, "webhook_timeout_seconds", 0.3)
    receiver.answer(drip(over))
    hook = add(client, receiver)
    cancelled_job()

    ended = reaches(client, hook, tries=1)

    over.set()
    assert (ended["status"], ended["error"]) == ("pending", "no whole answer within 0.3 s")


def test_one_that_dies_between_sending_and_writing_it_down_sends_again(
    client: TestClient, receiver: Receiver, cancelled_job: Callable[[], str], tmp_path: Path
) -> None:
    script = "import threading; from workers import deliverer; deliverer.run(threading.Event())"
    with running(script, tmp_path / "log.txt") as process:
        receiver.answer(lambda _: process.kill(), 200)
        hook = add(client, receiver)
        cancelled_job()
        first = receiver.get()
        process.wait(20)
    assert sent(client, hook)[0]["tries"] == 0

    with transaction() as db:  # as if its lease had run out
        db.execute(text("UPDATE webhook SET lease_until = now() - interval '1 second'"))
    with at_work():
        second = receiver.get()
        reaches(client, hook, status="delivered", tries=1)

    assert first.id == second.id
    assert first.body == second.body


def test_two_deliverers_send_each_event_once(
    client: TestClient, receiver: Receiver, cancelled_job: Callable[[], str]
) -> None:
    hook = add(client, receiver, events=["job.*"])
    with at_work(), at_work():
        for _ in range(10):
            cancelled_job()
        until(lambda: client.get(hook["links"]["self"]).json()["delivered"] == 20)

    ids = Counter(receiver.get().id for _ in range(20))
    assert (len(ids), set(ids.values()), receiver.idle) == (20, {1}, True)


def test_who_lost_the_lease_writes_nothing(
    client: TestClient, receiver: Receiver, cancelled_job: Callable[[], str]
) -> None:
    hook = add(client, receiver)
    cancelled_job()
    (late,) = deliveries.claim(16, 16)
    letter = deliveries.next_due(late)
    assert letter is not None
    with transaction() as db:
        db.execute(text("UPDATE webhook SET lease_until = now() - interval '1 second'"))
    (owner,) = deliveries.claim(16, 16)

    assert not deliveries.settle(late, letter, Answer(200))
    assert not deliveries.settle(late, letter, Answer(500, "HTTP 500"))
    assert deliveries.next_due(late) is None
    assert sent(client, hook)[0]["tries"] == 0
    assert deliveries.settle(owner, letter, Answer(200))
    assert sent(client, hook)[0]["status"] == "delivered"


@pytest.mark.parametrize("answer", [410, 500])
def test_a_receiver_that_is_gone_or_fails_for_days_is_disabled(
    client: TestClient,
    receiver: Receiver,
    cancelled_job: Callable[[], str],
    delivering: None,
    answer: int,
) -> None:
    hook = add(client, receiver)
    if answer == 500:
        with transaction() as db:
            long_ago = "UPDATE webhook SET failures = 15, failing_since = now() - interval '6 days'"
            db.execute(text(long_ago))
    receiver.answer(answer)
    cancelled_job()

    until(lambda: not client.get(hook["links"]["self"]).json()["enabled"])

    shown = client.get(hook["links"]["self"]).json()
    reason = "410 Gone" if answer == 410 else "no delivery has succeeded for 5 days"
    assert reason in shown["disabled_reason"]
    (entry,) = client.get("/v1/audit?action=webhook.disabled").json()["data"]
    assert (entry["resource"], entry["key_id"]) == (hook["links"]["self"], None)
    assert client.post(hook["links"]["test"]).json()["code"] == "state_conflict"

    receiver.answer(200)
    assert client.patch(hook["links"]["self"], json={"enabled": True}).json()["enabled"]
    client.post(hook["links"]["test"])
    reaches(client, hook, event_type="webhook.test", status="delivered")


def test_both_secrets_sign_while_they_overlap(
    client: TestClient, receiver: Receiver, delivering: None
) -> None:
    hook = add(client, receiver)
    new = client.post(hook["links"]["rotate_secret"]).json()
    client.post(hook["links"]["test"])

    both = receiver.get()
    assert verified(both, hook["secret"]) == verified(both, new["secret"])

    last = client.post(hook["links"]["rotate_secret"], json={"overlap_hours": 0}).json()
    client.post(hook["links"]["test"])
    one = receiver.get()
    assert verified(one, last["secret"])["type"] == "webhook.test"
    with pytest.raises(WebhookVerificationError):
        verified(one, new["secret"])


def test_a_redirect_is_a_failure_and_is_not_followed(
    client: TestClient, receiver: Receiver, delivering: None
) -> None:
    with receiving() as other:
        receiver.answer(redirect(other.url))
        hook = add(client, receiver)
        client.post(hook["links"]["test"])

        assert reaches(client, hook, tries=1)["error"] == "HTTP 307"
        assert other.idle


def test_private_addresses_are_refused_when_it_comes_to_it(
    client: TestClient, receiver: Receiver, delivering: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = add(client, receiver)
    monkeypatch.setattr(settings, "webhook_allow_private", False)
    client.post(hook["links"]["test"])

    assert "not an address of the public Internet" in reaches(client, hook, tries=1)["error"]
    assert receiver.idle


def test_more_than_is_read_is_not_waited_for(
    client: TestClient, receiver: Receiver, delivering: None
) -> None:
    written = threading.Event()

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(bytes(1 << 16))
        finally:
            written.set()

    receiver.answer(endless)
    hook = add(client, receiver)
    client.post(hook["links"]["test"])

    reaches(client, hook, status="delivered")
    assert written.wait(20)


def test_the_signature_is_that_of_the_reference_implementation() -> None:
    """The test vector of the libraries at standardwebhooks.com."""
    letter = Letter(
        delivery_id="dlv_1",
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        body='{"test": 2432232314}',
        tries=0,
        secrets=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
        at=datetime.fromtimestamp(1614265330, UTC),
    )

    headers = deliverer.signed(letter)

    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
