"""Gives each request an id, in the answer's header and in every log line."""

import re
import time

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.ids import new_id

log = structlog.get_logger(__name__)

ACCEPTED = re.compile(r"[\w-]{8,64}", re.ASCII)


class Identified:
    """Middleware; a caller's own ``X-Request-ID`` is kept if it is harmless."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if ACCEPTED.fullmatch(given) else new_id("req")
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started = time.perf_counter()

        async def tagged(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
                milliseconds = round(1000 * (time.perf_counter() - started), 1)
                log.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=message["status"],
                    milliseconds=milliseconds,
                )
            await send(message)

        await self._app(scope, receive, tagged)
