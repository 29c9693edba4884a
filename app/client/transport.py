"""HTTP with patience: repeats what may be repeated, and turns refusals into exceptions."""

import contextlib
import email.utils
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from app.client.address import Address
from app.client.errors import ConnectionFailed, api_error

BUSY = frozenset({429, 502, 503, 504, 507})
USER_AGENT = "adaptnet-client/1"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to try again. A ``Retry-After`` of the service counts for more."""

    attempts: int = 5
    first_seconds: float = 0.5
    longest_seconds: float = 30.0

    def pause(self, attempt: int, retry_after: str | None = None) -> float:
        """Seconds before the try after ``attempt``, which counts from 1."""
        asked = seconds_of(retry_after)
        if asked is not None:
            return min(asked, self.longest_seconds)
        limit = min(self.first_seconds * 2 ** (attempt - 1), self.longest_seconds)
        return float(limit * random.uniform(0.5, 1.0))  # noqa: S311  (spreads clients, hides nothing)


@dataclass(frozen=True, slots=True)
class Call:
    """One request. ``body`` makes its content anew at each try, because a stream is read once.

    ``repeatable`` is false where a lost answer could mean that the work was done.
    """

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], dict[str, Any]] = dict
    timeout: float | None = None
    repeatable: bool = True


class Transport:
    """One connection pool to one service."""

    def __init__(self, address: Address, *, timeout: float, patience: Patience) -> None:
        self.address = address
        self.patience = patience
        self._timeout = timeout
        self._http = httpx.Client(
            base_url=address.url,
            timeout=timeout,
            trust_env=not address.is_local,
            headers={"Authorization": f"Bearer {address.key}", "User-Agent": USER_AGENT},
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
    ) -> Any:  # noqa: ANN401  (a JSON document)
        """The JSON behind a path; parameters that are None are left out."""
        return self.send(Call("GET", path, params=params or {}, timeout=timeout)).json()

    def post(self, path: str, body: object = None, *, repeatable: bool = True) -> Any:  # noqa: ANN401  (a JSON document)
        """The JSON answer to a JSON body. The key lets the service recognize a repeated request."""
        headers = {"Idempotency-Key": idempotency_key()}

        def content() -> dict[str, Any]:
            return {} if body is None else {"json": body}

        call = Call("POST", path, headers=headers, body=content, repeatable=repeatable)
        return self.send(call).json()

    def send(self, call: Call) -> httpx.Response:
        """The answer, read to its end. Raises ``ApiError`` or ``ConnectionFailed``."""
        with self.stream(call) as answer:
            answer.read()
            return answer

    @contextlib.contextmanager
    def stream(self, call: Call) -> Iterator[httpx.Response]:
        """The answer with its body still to come; the tries are over once its headers are here."""
        answer = self._first_good(call)
        try:
            yield answer
        finally:
            answer.close()

    def _first_good(self, call: Call) -> httpx.Response:
        for attempt in range(1, self.patience.attempts + 1):
            last = attempt == self.patience.attempts
            retry_after = None
            try:
                answer = self._http.send(self._request(call), stream=True)
            except httpx.TransportError as error:
                unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if last or not (call.repeatable or unsent):
                    raise self._unreachable(error) from error
            else:
                if answer.status_code not in BUSY or last:
                    return _checked(answer)
                retry_after = answer.headers.get("Retry-After")
                answer.close()
            time.sleep(self.patience.pause(attempt, retry_after))
        raise ValueError("patience needs at least one attempt")

    def _request(self, call: Call) -> httpx.Request:
        return self._http.build_request(
            call.method,
            call.path,
            # An empty mapping would strip the query that a link already has.
            params={k: value for k, value in call.params.items() if value is not None} or None,
            headers=dict(call.headers),
            timeout=call.timeout or self._timeout,
            **call.body(),
        )

    def _unreachable(self, error: httpx.TransportError) -> ConnectionFailed:
        what = str(error) or type(error).__name__
        return ConnectionFailed(
            f"{self.address.url} does not answer: {what}\n"
            "-> is the service running (adaptnet status) and the address right (ADAPTNET_URL)?"
        )


def idempotency_key() -> str:
    """A new key: one for each thing that is asked for, the same in all tries."""
    return uuid.uuid4().hex


def seconds_of(retry_after: str | None) -> float | None:
    """A ``Retry-After`` header, which is a number of seconds or a date."""
    if not retry_after:
        return None
    with contextlib.suppress(ValueError):
        return max(0.0, float(retry_after))
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code < 400:
        return answer
    try:
        answer.read()
        problem = answer.json()
    except (ValueError, httpx.TransportError):
        problem = {}
    finally:
        answer.close()
    if not isinstance(problem, dict):
        problem = {}
    problem.setdefault("request_id", answer.headers.get("X-Request-ID"))
    raise api_error(answer.status_code, problem)
