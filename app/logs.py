"""Structured logs: one JSON object a line, with the ids that are bound to the context."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter

SECRET = re.compile(
    r"ank_[0-9a-z]{26}_[\w-]+"  # API keys
    r"|whsec_[\w+/=-]+"  # secrets of webhooks
    r"|(?<=://)[^@/\s\"']+(?=@)"  # user and password in an address
    r"|(?i:(?<=bearer )[\w.~+/=-]+)"
    r"|(?i:(?<=password=)[^\s\"'&]+)"
)
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")


class Lines(logging.StreamHandler[Any]):
    """The handler of libraries' records; a class of its own, so that it is found again."""


def configure(*, json: bool) -> None:
    """Log to standard error, our lines and those of libraries alike; secrets are blotted out."""
    renderer: Any = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()

    def render(logger: object, method: str, entry: MutableMapping[str, Any]) -> str:
        return redact(str(renderer(logger, method, entry)))

    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*steps, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    lines = Lines(sys.stderr)
    last: list[Any] = [ProcessorFormatter.remove_processors_meta, render]
    lines.setFormatter(ProcessorFormatter(foreign_pre_chain=steps, processors=last))
    _install(lines)


def redact(line: str) -> str:
    """The line without keys, signing secrets and passwords."""
    return SECRET.sub("[secret]", line)


def request_id() -> str | None:
    """The id of the request that is being served, or None outside of any."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


def _install(lines: Lines) -> None:
    """Make it the one handler of its kind, and take over the server's own."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, Lines)]:
        root.removeHandler(handler)
    root.addHandler(lines)
    for name in UVICORN:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
