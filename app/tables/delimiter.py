"""Which character separates the cells of a CSV file, and what its header says."""

import csv
import io
from collections import Counter

from app.tables.problem import Problem, ProblemLog

CANDIDATES = (",", ";", "\t", "|")
SAMPLE_ROWS = 100
OTHERS = {":": "colons", "^": "carets", "~": "tildes", "\x01": "control characters (0x01)"}
SPACED = 2


def guess_delimiter(sample: str, log: ProblemLog) -> str:
    """The candidate whose columns agree best with the header; ``,`` where only one column fits."""
    scores = {mark: _score(_rows(sample, mark)) for mark in CANDIDATES}
    best = max(CANDIDATES, key=lambda mark: scores[mark])
    if scores[best][1] > 1:
        return best
    _report_one_column(sample, log)
    return ","


def header_of(sample: str, delimiter: str) -> list[str]:
    """The cells of the first row, as they are."""
    rows = _rows(sample, delimiter, n_rows=1)
    return rows[0] if rows else []


def _rows(sample: str, delimiter: str, n_rows: int = SAMPLE_ROWS) -> list[list[str]]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if row:
                rows.append(row)
            if len(rows) == n_rows:
                break
    except csv.Error:  # a cell over 131,072 characters; the rows before it are enough
        return rows
    return rows


def _score(rows: list[list[str]]) -> tuple[float, int]:
    """Share of rows as wide as the header, and that width; one column scores nothing."""
    if not rows or len(rows[0]) == 1:
        return (0.0, 1)
    width = len(rows[0])
    return (sum(len(row) == width for row in rows) / len(rows), width)


def _report_one_column(sample: str, log: ProblemLog) -> None:
    lines = [line for line in sample.splitlines()[:SAMPLE_ROWS] if line]
    other = _other_separator(lines)
    if other is None:
        log.add(
            Problem(
                "one_column",
                "The file has one column only; a table to learn from has at least two.",
                "If it has more, separate them by comma, semicolon, tab or | .",
                severity="warning",
            )
        )
        return
    log.fail(
        Problem(
            "wrong_delimiter",
            f"One column was found: the cells seem to be separated by {other}; "
            "wanted comma, semicolon, tab or | in the header and in each row.",
            "Export the file again with commas.",
            row=1,
            value_excerpt=lines[0][:60],
        )
    )


def _other_separator(lines: list[str]) -> str | None:
    if not lines:
        return None
    for mark, name in OTHERS.items():
        if _agrees([line.count(mark) for line in lines]):
            return name
    if len(lines) > SPACED and _agrees([len(line.split()) - 1 for line in lines]):
        return "spaces"
    inside = [sum(line.count(mark) for mark in CANDIDATES) for line in lines[1:]]
    return "something that is in the rows but not in the header" if _agrees(inside) else None


def _agrees(counts: list[int]) -> bool:
    if not counts:
        return False
    count, times = Counter(counts).most_common(1)[0]
    return count > 0 and times >= 0.9 * len(counts)
