"""Wakes whoever waits for news of a job: one listening connection a process, not one a client."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import structlog

from app.settings import settings

log = structlog.get_logger(__name__)

CHANNEL = "adaptnet_events"
RECONNECT_SECONDS = 1.0
ASK_SECONDS = 10.0
ANSWER_SECONDS = 5.0


class News:
    """Fans the database's notifications out to the requests of this process."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextlib.asynccontextmanager
    async def subscribe(self, job_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set when something was committed for this job."""
        event = asyncio.Event()
        self._waiting[job_id].add(event)
        try:
            yield event
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    async def listen(self) -> None:
        """Run for ever; reconnects. Waiters poll slowly behind it, so a gap loses nothing."""
        url = settings.database_url.replace("postgresql+psycopg", "postgresql", 1)
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    url, autocommit=True, connect_timeout=3
                )
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    await self._hear(connection)
            except (psycopg.OperationalError, TimeoutError) as error:
                log.warning("not listening, trying again", error=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _hear(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        """Pass notifications on. Silence may be a dead connection, so ask now and then."""
        while True:
            async for notification in connection.notifies(timeout=ASK_SECONDS):
                for event in self._waiting.get(notification.payload, ()):
                    event.set()
            async with asyncio.timeout(ANSWER_SECONDS):
                await connection.execute("SELECT 1")


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for news, at most so long."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    event.clear()
