"""A TCP proxy that can hurt: it cuts connections, refuses new ones, holds bytes or loses them."""

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Literal

Mode = Literal["open", "refusing", "silent", "losing"]

LINGER_NONE = struct.pack("ii", 1, 0)
"""SO_LINGER of zero seconds: a close becomes a reset."""


class Proxy:
    """Passes connections on to ``port`` of this machine; listens on a port of its own.

    ``silent`` : connections stay, nothing comes through before the mode changes, nobody is told;
    ``losing`` : the same, but what comes is gone, and so is a connection that has lost a byte.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._mode: Mode = "open"
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def set(self, mode: Mode) -> None:
        """Change what happens from now on."""

        def change() -> None:
            self._mode = mode
            (self._flowing.clear if mode == "silent" else self._flowing.set)()

        self._loop.call_soon_threadsafe(change)

    def cut(self) -> int:
        """Reset all connections; returns how many sockets that were."""

        async def reset() -> int:
            writers = list(self._writers)
            for writer in writers:
                _reset(writer)
            return len(writers)

        return asyncio.run_coroutine_threadsafe(reset(), self._loop).result()

    def stop(self) -> None:
        """Cut everything and listen no more."""

        async def end() -> None:
            self._server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mode == "refusing":
            _reset(writer)
            return
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        ends, whole = {writer, back}, asyncio.Event()
        whole.set()
        self._writers |= ends
        ways = ((reader, back), (there, writer))
        pumps = [asyncio.create_task(self._pump(*way, whole)) for way in ways]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._writers -= ends
            for pump in pumps:
                pump.cancel()
            for end in ends:
                end.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, whole: asyncio.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(1 << 16):
                await self._flowing.wait()
                if self._mode == "losing":
                    whole.clear()
                if whole.is_set():
                    writer.write(chunk)
                    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    plain: socket.socket | None = writer.get_extra_info("socket")
    if plain is not None and not writer.transport.is_closing():
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    writer.transport.abort()
