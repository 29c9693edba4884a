"""What is to be said about one image or point set, before it is known where it stands."""

from dataclasses import dataclass

from app.tables.problem import Problem, excerpt


@dataclass(frozen=True, slots=True)
class Finding:
    """``what`` is a sentence's end: "the image ... has a palette"."""

    code: str
    what: str
    remedy: str

    def at(self, row: int, column: str, noun: str, file: str | None) -> Problem:
        """A warning with its place; ``file`` is the name of the cell's file, if it has one."""
        named = f" ({excerpt(file)})" if file else ""
        return Problem(
            self.code,
            f"Row {row}{named}, column {excerpt(column)!r}: the {noun} {self.what}.",
            self.remedy,
            row=row,
            column=column,
            value_excerpt=excerpt(file) if file else None,
            severity="warning",
        )
