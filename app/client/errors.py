"""What can go wrong, each with a sentence that says what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.client import problem_table


class ClientError(Exception):
    """Base of everything that the client raises."""


class NotConfigured(ClientError):
    """No address or no key was given, and none was found."""


class ConnectionFailed(ClientError):
    """The service did not answer, even after several tries."""


class WaitTimedOut(ClientError):
    """The time to wait is over; what was waited for goes on."""


class DownloadDamaged(ClientError):
    """The bytes that came are not those that the service announced."""


class ApiError(ClientError):
    """The service refused a request, and said why.

    ``code`` is a row of docs/errors.md, ``remedy`` what to do, ``errors`` the fields at fault, and
    ``request_id`` what the operators search their logs for.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.code = str(problem.get("code") or f"http_{status}")
        self.detail = str(problem.get("detail") or problem.get("title") or f"HTTP {status}")
        self.remedy: str | None = problem.get("remedy")
        self.request_id: str | None = problem.get("request_id")
        self.errors: list[dict[str, Any]] = list(problem.get("errors") or [])
        self.problem = dict(problem)
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [f"{self.detail} ({self.code})"]
        if self.remedy:
            lines.append(f"-> {self.remedy}")
        lines += [_field(field) for field in self.errors if not self._says(field)]
        if self.status >= 500 and self.request_id:
            lines.append(f"request id: {self.request_id}")
        return "\n".join(lines)

    def _says(self, field: Mapping[str, Any]) -> bool:
        """Whether detail and remedy hold all of a field already; so it is where there is one."""
        hint = field.get("hint")
        return field.get("message", "") in self.detail and (not hint or hint == self.remedy)


class KeyRefused(ApiError):
    """401: the key is missing, unknown, expired or revoked."""


class ScopeMissing(ApiError):
    """403: the key may not do this."""


class NotFound(ApiError):
    """404: nothing of that name in this project."""


class Conflict(ApiError):
    """409: not in this state; ask again later or do something else first."""


class RequestInvalid(ApiError):
    """422: the request names a wrong field, column or value."""


class TooBusy(ApiError):
    """429, 503, 507: the service is full or a part is away, even after several tries."""


BY_STATUS: dict[int, type[ApiError]] = {
    401: KeyRefused,
    403: ScopeMissing,
    404: NotFound,
    409: Conflict,
    422: RequestInvalid,
    429: TooBusy,
    503: TooBusy,
    507: TooBusy,
}


def api_error(status: int, problem: Mapping[str, Any]) -> ApiError:
    """The exception for one refused request."""
    return BY_STATUS.get(status, ApiError)(status, problem)


class DatasetInvalid(ClientError):
    """The file could not be read as a table; ``problems`` says where and why."""

    def __init__(self, reference: str, problems: Sequence[Mapping[str, Any]]) -> None:
        self.reference = reference
        self.problems = [dict(problem) for problem in problems]
        super().__init__(f"{reference} cannot be used:\n{problem_table.render(self.problems)}")


class JobFailed(ClientError):
    """The job ended, but not with success."""

    def __init__(self, job_id: str, status: str, error: Mapping[str, Any] | None) -> None:
        self.job_id, self.status = job_id, status
        self.error = dict(error or {})
        super().__init__(f"job {job_id} {status}{reason(self.error)}")


def reason(error: Mapping[str, Any] | None) -> str:
    """Why a job failed and what to do, to be put behind its status; empty if nothing is known."""
    if not error:
        return ""
    phase = f" in phase {error['phase']}" if error.get("phase") else ""
    message = f": {error['message']}" if error.get("message") else ""
    code = f" ({error['code']})" if error.get("code") else ""
    hint = f"\n-> {error['hint']}" if error.get("hint") else ""
    return f"{phase}{message}{code}{hint}"


def _field(field: Mapping[str, Any]) -> str:
    hint = f"; {field['hint']}" if field.get("hint") else ""
    return f"   {field.get('pointer', '')}: {field.get('message', '')}{hint}"
