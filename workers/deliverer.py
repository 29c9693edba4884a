"""Sends webhooks, in a thread of the dispatcher: signed, one receiver at a time from one place.

It keeps nothing, as the dispatcher does: any number may run, and what one of them was sending when
it died is sent again by another. A receiver that hangs holds one place for the time limit, then
cools down; receivers that fail have places of their own, so the others never wait for them.
"""

import asyncio
import contextlib
import threading
import time
from urllib.parse import urlsplit

import httpx
import psycopg
import structlog
from standardwebhooks import Webhook as Signer

from app.db.queries.deliveries import CHANNEL
from app.domain.errors import DependencyUnavailable
from app.domain.webhooks import Answer, Letter, Receiver
from app.services import deliveries
from app.settings import settings
from workers import egress

log = structlog.get_logger(__name__)

LETTERS_A_TURN = 50
TIDY_SECONDS = 3600.0
USER_AGENT = "adaptnet-webhooks/1"


def run(stopped: threading.Event) -> None:
    """Deliver until ``stopped``. Whatever happens here, the dispatcher goes on."""
    while not stopped.is_set():
        try:
            asyncio.run(Deliverer().deliver(stopped))
        except (DependencyUnavailable, psycopg.OperationalError) as error:
            log.warning("database unreachable, webhooks wait", error=str(error))
        except Exception:
            log.exception("webhooks stopped, starting again")
        stopped.wait(settings.dispatch_poll_seconds)


class Deliverer:
    """The places for receivers in one process."""

    def __init__(self) -> None:
        self._bell = asyncio.Event()
        self._busy: dict[bool, set[asyncio.Task[None]]] = {False: set(), True: set()}
        self._tls = httpx.create_ssl_context()
        self._tidy_at = 0.0

    async def deliver(self, stopped: threading.Event) -> None:
        """Give receivers with something due a place, at each bell and at each poll."""
        listener = asyncio.create_task(self._listen())
        try:
            while not stopped.is_set():
                self._bell.clear()
                await self._start()
                with contextlib.suppress(TimeoutError):
                    poll = settings.dispatch_poll_seconds
                    await asyncio.wait_for(self._bell.wait(), poll)
                if listener.done():
                    listener.result()
        finally:
            for task in (listener, *self._busy[False], *self._busy[True]):
                task.cancel()

    async def _listen(self) -> None:
        url = settings.database_url.replace("postgresql+psycopg", "postgresql", 1)
        connection = await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=3)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for _ in connection.notifies():
                self._bell.set()

    async def _start(self) -> None:
        places = settings.webhook_concurrency
        sound = places - len(self._busy[False])
        failing = max(1, places // 4) - len(self._busy[True])
        for receiver in await asyncio.to_thread(deliveries.claim, sound, failing):
            busy = self._busy[receiver.failures > 0]
            task = asyncio.create_task(self._serve(receiver))
            busy.add(task)
            task.add_done_callback(busy.discard)
            task.add_done_callback(lambda _: self._bell.set())
        if time.monotonic() > self._tidy_at:
            self._tidy_at = time.monotonic() + TIDY_SECONDS
            await asyncio.to_thread(deliveries.forget_old)

    async def _serve(self, receiver: Receiver) -> None:
        """One turn of a receiver. If it breaks off, the lease runs out and somebody goes on."""
        structlog.contextvars.bind_contextvars(webhook=receiver.id, project=receiver.project_id)
        try:
            await self._send_due(receiver)
            await asyncio.to_thread(deliveries.release, receiver)
        except DependencyUnavailable as error:
            log.warning("database unreachable, delivered again later", error=str(error))
        except Exception:
            log.exception("delivery broke off")

    async def _send_due(self, receiver: Receiver) -> None:
        backend = egress.Pinned(allow_private=settings.webhook_allow_private)
        async with egress.connections(backend, self._tls) as pool:
            for _ in range(LETTERS_A_TURN):
                letter = await asyncio.to_thread(deliveries.next_due, receiver)
                if letter is None:
                    return
                seconds = settings.webhook_timeout_seconds
                body = letter.body.encode()
                answer = await egress.post(pool, receiver.url, signed(letter), body, seconds)
                _tell(receiver, letter, answer)
                kept = await asyncio.to_thread(deliveries.settle, receiver, letter, answer)
                if not kept or answer.error is not None:
                    return


def signed(letter: Letter) -> dict[str, str]:
    """The headers of Standard Webhooks, with one signature for each secret."""
    signatures = [
        Signer(secret).sign(letter.event_id, letter.at, letter.body) for secret in letter.secrets
    ]
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": letter.event_id,
        "webhook-timestamp": str(int(letter.at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _tell(receiver: Receiver, letter: Letter, answer: Answer) -> None:
    """Only the host: the rest of a receiver's address may be a secret."""
    report = log.info if answer.error is None else log.warning
    report(
        "webhook sent" if answer.error is None else "webhook not taken",
        delivery=letter.delivery_id,
        event_id=letter.event_id,
        host=urlsplit(receiver.url).hostname,
        tries=letter.tries + 1,
        status=answer.status,
        error=answer.error,
    )
