"""From what went wrong in an attempt to the job's error document: the one table of this kind."""

from typing import Any, NamedTuple

from app.domain.errors import ServiceError
from app.science.errors import (
    DegenerateDistances,
    DegenerateTarget,
    NoUsableColumns,
    ScienceError,
    TooFewRows,
    UnreachableLimit,
    UnusableExtractor,
)
from app.storage.errors import is_full
from app.tables.problem import InvalidTable
from workers.process import Exit

HINTS: dict[type[ScienceError], tuple[str, str]] = {
    TooFewRows: ("too_few_rows", "upload more rows, or allow more columns with missing values"),
    DegenerateTarget: ("degenerate_target", "choose a target with at least two values"),
    NoUsableColumns: ("no_usable_columns", "every feature is constant or empty; check the columns"),
    UnusableExtractor: (
        "extractor_not_usable",
        "repair extractor.onnx, or upload the images without it",
    ),
    UnreachableLimit: ("unreachable_limit", "raise the limit to the smallest feasible value"),
    DegenerateDistances: (
        "dimension_estimate_unreliable",
        "too many rows are equal in all numeric columns",
    ),
}


class Ending(NamedTuple):
    """A way to end that is not in the data.

    What is ``retryable`` costs one of the job's crashes; what ``capacity`` owns waits and is tried
    again at no cost.
    """

    owner: str
    message: str
    hint: str
    retryable: bool = False


FEWER = "give fewer rows or columns, or ask for a worker with more memory"
SEND_US = "send us the job's id and its log_excerpt"

ENDINGS = {
    "out_of_memory": Ending("service", "the job needs more memory than it may have", FEWER),
    "memory_limit_exceeded": Ending(
        "service", "the job's processes together held more memory than a job may", FEWER
    ),
    "killed_out_of_memory": Ending(
        "service",
        "the kernel ended the job's process, because the machine had no memory left",
        FEWER,
        retryable=True,  # others may have taken it
    ),
    "gpu_out_of_memory": Ending(
        "service",
        "the job needs more GPU memory than is free",
        'give fewer rows or columns, or "compute": {"device": "cpu"}',
        retryable=True,
    ),
    "disk_full": Ending(
        "capacity", "the worker's disk is full", "nothing to do: the job is tried again"
    ),
    "deadline_exceeded": Ending(
        "user",
        "the job ran longer than compute.max_wall_seconds",
        "raise compute.max_wall_seconds, or give fewer rows",
    ),
    "worker_crashed": Ending(
        "service", "the job's process ended by itself, without a result", SEND_US, retryable=True
    ),
    "internal": Ending("service", "an error of ours, tried again first", SEND_US, retryable=True),
}

# Native libraries say it in their own words, some as RuntimeError.
NO_MEMORY = (
    "can't allocate memory",
    "std::bad_alloc",
    "bad allocation",
    "Memory allocation still failed",
)


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
        case _:
            return _of_ours(error)
    return _document(*found)


def ended(code: str, message: str | None = None) -> dict[str, Any]:
    """The document of one of ``ENDINGS``, with a ``message`` that says more where there is one."""
    ending = ENDINGS[code]
    document = _document(code, ending.owner, message or ending.message, ending.hint)
    return {**document, "retryable": True} if ending.retryable else document


def of_exit(end: Exit, log_excerpt: str) -> dict[str, Any]:
    """The document of a process that ended without saying why."""
    if end.killed_by_kernel:
        return ended("killed_out_of_memory")
    if any(words in log_excerpt for words in NO_MEMORY):
        return ended("out_of_memory")
    return ended("worker_crashed", f"the job's process ended with {end}")


def _of_ours(error: Exception) -> dict[str, Any]:
    text = f"{type(error).__name__}: {error}"
    if any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return ended("gpu_out_of_memory")  # torch's, which need not be loaded to be known
    if isinstance(error, MemoryError) or any(words in text for words in NO_MEMORY):
        return ended("out_of_memory")
    if is_full(error):
        return ended("disk_full")
    return ended("internal", text)


def _document(
    code: str, owner: str, message: str, hint: str | None, **more: object
) -> dict[str, Any]:
    return {"code": code, "owner": owner, "message": message, "hint": hint, **more}
