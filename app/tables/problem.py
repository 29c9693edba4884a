"""What is wrong with a file: where, what was wanted, what came, and what to do."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

KEPT_PER_CODE = 100
EXCERPT_CHARS = 60

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. ``row`` counts data rows from 1; ``count`` says how many cells share it."""

    code: str
    message: str
    remedy: str
    row: int | None = None
    column: str | None = None
    count: int = 1
    value_excerpt: str | None = None
    severity: Severity = "error"

    def to_json(self, *, values: bool = True) -> dict[str, Any]:
        """The stored form; ``values=False`` leaves out what the cell held."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "remedy": self.remedy,
            "row": self.row,
            "column": self.column,
            "count": self.count,
            "value_excerpt": self.value_excerpt if values else None,
        }


class InvalidTable(Exception):
    """The file cannot be used. ``problems`` holds the first 100 per code, ``totals`` all counts."""

    def __init__(self, problems: tuple[Problem, ...], totals: dict[str, int] | None = None) -> None:
        self.problems = problems
        self.totals = totals or dict(Counter(problem.code for problem in problems))
        first = next((p for p in problems if p.severity == "error"), problems[0])
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.message} {first.remedy}{more}")

    def to_json(self, *, values: bool = True) -> dict[str, Any]:
        """Problems and totals as JSON."""
        problems = [problem.to_json(values=values) for problem in self.problems]
        return {"problems": problems, "totals": self.totals}


class ProblemLog:
    """Collects findings; keeps the first of each code and counts the rest."""

    def __init__(self) -> None:
        self._kept: list[Problem] = []
        self._entries: Counter[str] = Counter()
        self.totals: Counter[str] = Counter()

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was kept, in the order of discovery."""
        return tuple(self._kept)

    @property
    def has_errors(self) -> bool:
        """Whether the table is unusable."""
        return any(problem.severity == "error" for problem in self._kept)

    def add(self, problem: Problem) -> None:
        """Keep ``problem`` if fewer than 100 of its code are kept; count it always."""
        self._entries[problem.code] += 1
        self.totals[problem.code] += problem.count
        if self._entries[problem.code] <= KEPT_PER_CODE:
            self._kept.append(problem)

    def fail(self, problem: Problem) -> NoReturn:
        """Add an error after which reading on makes no sense."""
        self.add(problem)
        raise InvalidTable(self.problems, dict(self.totals))

    def raise_if_errors(self) -> None:
        """Raise ``InvalidTable`` with everything found so far, if any of it is an error."""
        if self.has_errors:
            raise InvalidTable(self.problems, dict(self.totals))


def excerpt(value: object) -> str:
    """A short printable form of a cell."""
    text = value if isinstance(value, str) else repr(value)
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:200])
    cut = printable[:EXCERPT_CHARS]
    return cut if len(text) <= EXCERPT_CHARS else f"{cut}..."


def invalid(
    code: str, message: str, remedy: str, *, row: int | None = None, column: str | None = None
) -> InvalidTable:
    """An ``InvalidTable`` of one problem, for code that has no log at hand."""
    return InvalidTable((Problem(code, message, remedy, row=row, column=column),))
