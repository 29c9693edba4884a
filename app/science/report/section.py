"""What a report is made of, before it is a page or a text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.science import wording

Document = Mapping[str, Any]
"""A report: every document of the job by its name, with a summary, headlines and seconds."""


@dataclass(frozen=True)
class Table:
    """Cells as text, of several lines where needed. ``strong`` rows are set apart."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    strong: tuple[int, ...] = ()


@dataclass(frozen=True)
class Section:
    """A question and its answer: sentences first, then figures by name, then tables.

    ``closer`` : figures for those who want to look closer, folded away on the page
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    closer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tile:
    """A headline number with its unit or name below it."""

    value: str
    label: str


def number(value: object, digits: int = 3) -> str:
    """For readers: significant digits, no exponent where it can be avoided.

    >>> [number(v) for v in (0.38123, 51946.3, True, None, "radial")]
    ['0.381', '51,946', 'yes', 'none', 'radial']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return wording.number(value, digits)
    return "none" if value is None else str(value)


def seconds(value: float) -> str:
    """Seconds as people say them.

    >>> [seconds(v) for v in (0.0007, 9.243, 304.0, 4000.0)]
    ['under 0.1 s', '9.2 s', '304 s', '67 min']
    """
    if value < 0.1:
        return "under 0.1 s"
    return f"{number(value, 2)} s" if value < 600 else f"{value / 60:.0f} min"


def interval(found: Document, digits: int = 3) -> str:
    """``value (low to high)``, or the value alone."""
    value = number(found.get("value"), digits)
    if found.get("low") is None or found.get("high") is None:
        return value
    return f"{value} ({number(found['low'], digits)} to {number(found['high'], digits)})"


def words(name: str) -> str:
    """A key as words."""
    return name.replace("_", " ")


def capital(text: str) -> str:
    """With a capital letter at its start."""
    return text[:1].upper() + text[1:]


def sentences(document: Document) -> tuple[str, ...]:
    """What a document says of itself, and its warnings."""
    said = [document.get(key) for key in ("sentence", "summary", "verdict_sentence")]
    listed: Sequence[str] = document.get("sentences") or ()
    warnings = [f"Careful: {warning}." for warning in document.get("warnings") or ()]
    return (*(text for text in said if isinstance(text, str) and text), *listed, *warnings)
