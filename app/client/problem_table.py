"""Problems of a file as a table in plain text."""

from collections.abc import Mapping, Sequence
from typing import Any

MAX_SHOWN = 20
HEADINGS = ("row", "column", "problem", "what to do")


def cells(problem: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """One problem in the order of ``HEADINGS``."""
    message = str(problem.get("message") or problem.get("code") or "")
    if problem.get("value_excerpt"):
        message += f" [{problem['value_excerpt']}]"
    if (problem.get("count") or 1) > 1:
        message += f" ({problem['count']} times)"
    if problem.get("severity") == "warning":
        message = f"warning: {message}"
    row = problem.get("row")
    return (
        "" if row is None else str(row),
        str(problem.get("column") or ""),
        message,
        str(problem.get("remedy") or ""),
    )


def render(problems: Sequence[Mapping[str, Any]]) -> str:
    """The first problems, one a line, under headings that line up."""
    rows = [HEADINGS, *(cells(problem) for problem in problems[:MAX_SHOWN])]
    widths = [max(len(row[index]) for row in rows) for index in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(problems) > MAX_SHOWN:
        lines.append(f"... and {len(problems) - MAX_SHOWN} more")
    return "\n".join(lines)
