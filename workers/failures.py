"""From an exception in a phase to the job's error document: the one table of this kind."""

from typing import Any

from app.domain.errors import ServiceError
from app.science.errors import (
    DegenerateDistances,
    DegenerateTarget,
    NoUsableColumns,
    ScienceError,
    TooFewRows,
    UnreachableLimit,
)
from app.storage.errors import DISK_FULL, is_full
from app.tables.problem import InvalidTable

HINTS: dict[type[ScienceError], tuple[str, str]] = {
    TooFewRows: ("too_few_rows", "upload more rows, or allow more columns with missing values"),
    DegenerateTarget: ("degenerate_target", "choose a target with at least two values"),
    NoUsableColumns: ("no_usable_columns", "every feature is constant or empty; check the columns"),
    UnreachableLimit: ("unreachable_limit", "raise the limit to the smallest feasible value"),
    DegenerateDistances: (
        "dimension_estimate_unreliable",
        "too many rows are equal in all numeric columns",
    ),
}


def explain(error: Exception) -> dict[str, Any]:
    """Code, owner, message and hint. Only what is not the user's is tried again."""
    match error:
        case InvalidTable():
            errors_first = sorted(error.problems, key=lambda p: p.severity != "error")
            problems = [problem.to_json() for problem in errors_first]
            remedy = problems[0].get("remedy") if problems else None
            found = ("dataset_invalid", "user", str(error), remedy)
            return _document(*found, problems=problems)
        case ServiceError():
            found = (error.code, error.owner, str(error), error.remedy)
        case ScienceError():
            code, hint = HINTS.get(type(error), ("data_not_usable", "see the message"))
            found = (code, "user", str(error), hint)
        case OSError() if is_full(error):
            hint = "nothing to do: it is tried again"
            return _document("disk_full", "capacity", DISK_FULL, hint, retryable=True)
        case MemoryError():
            message = "the job needs more memory than it may have"
            found = ("out_of_memory", "service", message, "give fewer rows or columns")
        case _:
            message = f"{type(error).__name__}: {error}"
            hint = "the log's last lines are in log_excerpt; send them to us"
            return _document("internal", "service", message, hint, retryable=True)
    return _document(*found)


def _document(
    code: str, owner: str, message: str, hint: str | None, **more: object
) -> dict[str, Any]:
    return {"code": code, "owner": owner, "message": message, "hint": hint, **more}
