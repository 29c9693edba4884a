"""A receiver of webhooks: a real HTTP server that answers as it is told and keeps what it got."""

import contextlib
import queue
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WAIT_SECONDS = 20.0


@dataclass(frozen=True)
class Got:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Behavior = Callable[[BaseHTTPRequestHandler], None]


class Receiver:
    """``answers`` are statuses, or functions that write an answer; the last one stays."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: queue.Queue[Got] = queue.Queue()
        self.answers: deque[int | Behavior] = deque([200])
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hooks"

    def answer(self, *answers: int | Behavior) -> None:
        self.answers = deque(answers)

    def get(self) -> Got:
        """The next request, which must come."""
        return self.requests.get(timeout=WAIT_SECONDS)

    @property
    def idle(self) -> bool:
        return self.requests.empty()


@contextlib.contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver in a thread."""
    receiver = Receiver(tls)
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        thread.join()
        receiver.server.server_close()


def redirect(to: str) -> Behavior:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(307)
        handler.send_header("Location", to)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def drip(stopped: threading.Event) -> Behavior:
    """A byte of a header now and then, without end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not stopped.wait(0.05):
            handler.wfile.write(b"x")

    return answer


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            receiver.requests.put(Got(self.path, headers, body))
            answers = receiver.answers
            answer = answers.popleft() if len(answers) > 1 else answers[0]
            with contextlib.suppress(ConnectionError):
                if callable(answer):
                    answer(self)
                else:
                    self.send_response(answer)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
