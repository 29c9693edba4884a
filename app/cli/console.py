"""What people see: words on stderr or stdout, tables for eyes, tab-separated lines for pipes."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def examples(lines: str) -> str:
    """An epilog that keeps one example a line."""
    return "Examples:\n\n" + "\n\n".join(line.strip() for line in lines.strip().splitlines())


def show_rows(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal, tab-separated lines with a heading elsewhere."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not out.is_terminal:
        for line in (headings, *texts):
            typer.echo("\t".join(line))
        return
    table = Table(*headings, box=box.SIMPLE_HEAD)
    for row in texts:
        table.add_row(*map(escape, row))
    out.print(table)


def show_json(document: Any) -> None:  # noqa: ANN401  (a JSON document)
    """A whole answer of the service."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def n_bytes(size: float) -> str:
    """A size as people read it."""
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}" if unit != "B" else f"{int(size)} B"
        size /= 1024
    return f"{size:.3g} GiB"


def moment(text: str | None) -> str:
    """The first 16 characters of an ISO time: to the minute."""
    return (text or "")[:16].replace("T", " ")
