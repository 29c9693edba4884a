"""Requests to addresses that customers name: to the public Internet only, one hop, little read.

A name is resolved once, every address that it has must be public, and the connection goes to one
of just these: a name that changes its mind in between gains nothing. Host header, SNI and the
certificate's check stay with the name. No redirects, no proxies, no cookies: httpcore has none.
"""

import asyncio
import email.utils
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime

import httpcore
import httpx

from app.domain.webhooks import Answer, is_public

MOST_BYTES_READ = 64 << 10
Resolve = Callable[[str, int], Awaitable[list[str]]]


class AddressRefused(Exception):
    """The name leads to an address that is not of the public Internet, or nowhere."""


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, each once. Raises ``AddressRefused`` where there is none."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise AddressRefused(f"{host} has no address") from error
    return list(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


class Pinned(httpcore.AsyncNetworkBackend):
    """Connects to addresses that it has checked itself."""

    def __init__(self, *, allow_private: bool, resolve: Resolve = resolve) -> None:
        self._allow_private = allow_private
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers."""
        addresses = await self._resolve(host, port)
        if not self._allow_private and not all(map(is_public, addresses)):
            raise AddressRefused(f"{host} is not an address of the public Internet")
        *others, last = addresses
        for address in others:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Wait, on behalf of the library."""
        await asyncio.sleep(seconds)


def connections(backend: Pinned, tls: ssl.SSLContext) -> httpcore.AsyncConnectionPool:
    """One connection at a time, kept open between requests."""
    return httpcore.AsyncConnectionPool(tls, max_connections=1, network_backend=backend)


async def post(
    pool: httpcore.AsyncConnectionPool,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    seconds: float,
) -> Answer:
    """Send and say how it went. ``seconds`` is for all of it, however slowly bytes drip in."""
    try:
        async with asyncio.timeout(seconds):
            return await _exchange(pool, url, headers, body)
    except TimeoutError:
        return Answer(error=f"no whole answer within {seconds:g} s")
    except AddressRefused as error:
        return Answer(error=str(error))
    except Exception as error:  # noqa: BLE001  (whatever it is, it is how this try ended)
        return Answer(error=f"{type(error).__name__}: {error}"[:300])


async def _exchange(
    pool: httpcore.AsyncConnectionPool, url: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    parsed = httpx.URL(url)
    target = httpcore.URL(
        scheme=parsed.raw_scheme,
        host=parsed.raw_host,
        port=parsed.port,
        target=parsed.raw_path,
    )
    async with pool.stream("POST", target, headers=list(headers.items()), content=body) as answer:
        n_read = 0
        async for chunk in answer.aiter_stream():
            n_read += len(chunk)
            if n_read > MOST_BYTES_READ:
                break
    if 200 <= answer.status < 300:
        return Answer(answer.status)
    known = {name.lower(): value for name, value in answer.headers}
    return Answer(answer.status, f"HTTP {answer.status}", _retry_after(known.get(b"retry-after")))


def _retry_after(header: bytes | None) -> float | None:
    """Seconds from a ``Retry-After``, which is a number of seconds or a date."""
    text = (header or b"").decode("ascii", "replace").strip()
    if text.isdigit():
        return float(text[:9])
    try:
        moment = email.utils.parsedate_to_datetime(text)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
