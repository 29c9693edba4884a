"""The framework refuses bodies over a route's limit in plain text; this makes it a problem."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import render
from app.domain.errors import PayloadTooLarge


class ProblemForTooLarge:
    """Middleware that replaces a 413 in plain text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        replaced = False

        async def replacing(message: Message) -> None:
            nonlocal replaced
            if message["type"] == "http.response.start" and _is_plain_413(message):
                replaced = True
                error = PayloadTooLarge(
                    "the body is larger than this route accepts",
                    remedy="the limits are at GET /v1/capabilities",
                )
                await render(Request(scope, receive), error)(scope, receive, send)
            elif not replaced:
                await send(message)

        await self._app(scope, receive, replacing if scope["type"] == "http" else send)


def _is_plain_413(message: Message) -> bool:
    media_type = dict(message["headers"]).get(b"content-type", b"")
    return bool(message["status"] == 413 and media_type.startswith(b"text/plain"))
