"""What the columns are: names, types, and the reason for each type."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from app.tables.problem import Problem, ProblemLog, excerpt

ColumnType = Literal[
    "number", "boolean", "datetime", "categorical", "text", "constant", "empty", "identifier",
    "image", "points",
]  # fmt: skip
Storage = Literal["number", "datetime", "string", "image", "points"]
FORMAT = "adaptnet-table/1"
WISHES: tuple[str, ...] = ("number", "boolean", "datetime", "categorical", "text", "identifier")


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """One column of the canonical table.

    Parameters
    ----------
    type : what the column means
    storage : float64, timestamp[us, UTC], dictionary of strings, or what ``media`` says
    reason : why this type, in a sentence for the user
    n_missing : rows without a value
    is_corrected : the user chose the type
    """

    name: str
    type: ColumnType
    storage: Storage
    reason: str
    n_missing: int
    is_corrected: bool = False

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        return asdict(self)


def column_from_json(document: Mapping[str, Any]) -> ColumnSchema:
    """The column behind ``to_json``."""
    return ColumnSchema(**document)


def clean_names(names: Sequence[str], log: ProblemLog) -> list[str]:
    """Names without white space around them; empty and repeated ones raise ``InvalidTable``."""
    cleaned = [name.strip() for name in names]
    if not cleaned:
        log.fail(Problem("no_columns", "The file has no columns.", "Add a header and rows."))
    for before, after in zip(names, cleaned, strict=True):
        if before != after:
            message = f"Column name {excerpt(before)!r} was trimmed to {excerpt(after)!r}."
            remedy = "Use the trimmed name."
            log.add(Problem("trimmed_name", message, remedy, column=after, severity="warning"))
    if not _are_unique(cleaned, log):
        log.raise_if_errors()
    return cleaned


def _are_unique(names: list[str], log: ProblemLog) -> bool:
    first: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if not name:
            remedy = "Name it in the header, or drop it; an index column is written without."
            log.add(Problem("empty_column_name", f"Column {place} has no name.", remedy))
        elif name in first:
            log.add(
                Problem(
                    "duplicate_column",
                    f"Columns {first[name]} and {place} are both named {excerpt(name)!r}.",
                    "Rename one of them; white space around names does not count.",
                    column=name,
                )
            )
        else:
            first[name] = place
    return len(first) == len(names)


def check_wishes(wishes: Mapping[str, str], names: Sequence[str], log: ProblemLog) -> None:
    """Refuse corrections of columns or types that do not exist, with the nearest that does."""
    for name, wish in wishes.items():
        if name not in names:
            near = _nearest(name, names)
            shown = ", ".join(excerpt(known) for known in names[:10])
            message = f"There is no column {excerpt(name)!r}; the file has {shown}."
            remedy = f"Did you mean {near!r}?" if near else "Use a name of the header."
            log.add(Problem("unknown_column", message, remedy, column=name))
        elif wish not in WISHES:
            near = _nearest(wish, WISHES)
            message = f"Column {excerpt(name)!r}: there is no type {excerpt(wish)!r}."
            hint = f" Did you mean {near!r}?" if near else ""
            remedy = f"Use one of {', '.join(WISHES)}.{hint}"
            log.add(Problem("unknown_type", message, remedy, column=name))
    log.raise_if_errors()


def _nearest(name: str, known: Sequence[str]) -> str | None:
    folded = {other.casefold(): other for other in reversed(known)}
    close = difflib.get_close_matches(name.strip().casefold(), list(folded), n=1)
    return folded[close[0]] if close else None


ALL_TYPES: tuple[str, ...] = get_args(ColumnType)
