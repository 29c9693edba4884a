"""A TCP proxy that can lose what it carries: cut connections, and half-open ones."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from types import TracebackType


class Proxy:
    """Carries bytes between its own port and a target's, until it is told otherwise."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._target = (host, port)
        self._swallowing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> "Proxy":
        self._thread.start()
        serving = asyncio.start_server(self._carry, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(serving, self._loop).result()
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def swallow(self) -> None:
        """From now on every byte vanishes without a word, also of new connections."""
        self._swallowing = True

    def heal(self) -> None:
        """New connections are carried again. Those that lost a byte stay dead, as in real life."""
        self._swallowing = False

    def cut(self) -> None:
        """Reset every connection."""

        async def abort() -> None:
            for writer in list(self._writers):
                writer.transport.abort()

        asyncio.run_coroutine_threadsafe(abort(), self._loop).result()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), self._kept(writer):
            if self._swallowing:
                await reader.read(-1)
                return
            from_target, to_target = await asyncio.open_connection(*self._target)
            with self._kept(to_target):
                alive = asyncio.Event()
                alive.set()
                there = asyncio.create_task(self._pump(reader, to_target, alive))
                back = asyncio.create_task(self._pump(from_target, writer, alive))
                await asyncio.wait((there, back), return_when=asyncio.FIRST_COMPLETED)
                for task in (there, back):
                    task.cancel()
                await asyncio.gather(there, back, return_exceptions=True)

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, alive: asyncio.Event
    ) -> None:
        while data := await source.read(1 << 16):
            if self._swallowing:
                alive.clear()
            if alive.is_set():
                sink.write(data)
                await sink.drain()

    @contextlib.contextmanager
    def _kept(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        self._writers.add(writer)
        try:
            yield
        finally:
            self._writers.discard(writer)
            writer.close()
