"""A real HTTP server in a thread that answers from a script and remembers what it was asked."""

import contextlib
import json
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Reply:
    """One answer; ``cut`` announces more bytes than it sends, None closes without a word."""

    status: int | None = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401  (a JSON document)
        return json.loads(self.body)


class Service:
    """Replies by method and path, one after another; the last one stays."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.script: defaultdict[str, deque[Reply]] = defaultdict(deque)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def on(self, route: str, *replies: Reply) -> None:
        self.script[route].extend(replies)

    def next(self, route: str) -> Reply:
        replies = self.script[route]
        if not replies:
            return Reply(404, {"code": "route_not_found", "detail": f"nothing at {route}"})
        return replies.popleft() if len(replies) > 1 else replies[0]


@contextlib.contextmanager
def running() -> Iterator[Service]:
    """A service with an empty script, in a thread."""
    scripted = Service()
    thread = threading.Thread(target=scripted.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield scripted
    finally:
        scripted.server.shutdown()
        thread.join()
        scripted.server.server_close()


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self._body(headers)
            asked = Asked(self.command, parts.path, parse_qs(parts.query), headers, body)
            service.asked.append(asked)
            self._send(service.next(f"{self.command} {parts.path}"))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def _body(self, headers: dict[str, str]) -> bytes:
            return self.rfile.read(int(headers.get("content-length", 0)))

        def _send(self, reply: Reply) -> None:
            if reply.status is None:
                self.close_connection = True
                return
            raw = isinstance(reply.body, bytes)
            data = reply.body if raw else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data) + reply.cut))
            self.end_headers()
            self.wfile.write(data)
            if reply.cut:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
