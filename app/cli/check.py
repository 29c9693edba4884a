"""``adaptnet check``: what the service would say about a file, without a service."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from app.cli.console import out, show_rows
from app.cli.files import existing

if TYPE_CHECKING:
    from app.tables.problem import Problem
    from app.tables.read import ReadTable

EXAMPLES = """
adaptnet check data.csv
adaptnet check data.csv.gz --column zip=categorical --column id=identifier
"""
MAX_SHOWN = 30

File = Annotated[Path, typer.Argument(callback=existing, help="CSV, TSV, JSONL, ...")]
Wishes = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=TYPE", help="Set a type that was guessed wrongly"),
]


def check(file: File, column: Wishes = None) -> None:
    """Validate a file offline, with the very code of the service.

    Shows what is wrong with row, column and remedy, and how each column is understood. Exit
    status 1 means that the service would refuse the file.
    """
    from app.tables.problem import InvalidTable  # noqa: PLC0415  (pyarrow, of an extra)
    from app.tables.read import read_table  # noqa: PLC0415

    try:
        table = read_table(file, columns=wishes(column or []))
    except InvalidTable as error:
        show_problems(error.problems)
        n_errors = sum(problem.severity == "error" for problem in error.problems)
        out.print(f"[red]✗[/] {escape(file.name)} would be refused: {n_errors} errors")
        raise typer.Exit(1) from None
    show_problems(table.problems)
    _show_columns(table)
    out.print(
        f"[green]✓[/] {escape(file.name)}: {table.format}, {table.n_rows:,} rows, "
        f"{len(table.schema)} columns"
    )


def wishes(texts: list[str]) -> dict[str, str]:
    """``["zip=categorical"]`` as a mapping."""
    for text in texts:
        if "=" not in text:
            raise typer.BadParameter(f"{text!r} is not NAME=TYPE", param_hint="--column")
    return {name: kind for name, _, kind in (text.rpartition("=") for text in texts)}


def show_problems(problems: "tuple[Problem, ...]") -> None:
    """The first problems: a table on a terminal, aligned text elsewhere."""
    from app.client import problem_table  # noqa: PLC0415  (httpx and numpy)

    if not problems:
        return
    entries = [problem.to_json() for problem in problems]
    if not out.is_terminal:
        typer.echo(problem_table.render(entries))
        return
    table = Table(*problem_table.HEADINGS, box=box.SIMPLE_HEAD)
    for problem in entries[:MAX_SHOWN]:
        style = "yellow" if problem["severity"] == "warning" else "red"
        table.add_row(*map(escape, problem_table.cells(problem)), style=style)
    out.print(table)
    if len(entries) > MAX_SHOWN:
        out.print(f"... and {len(entries) - MAX_SHOWN} more")


def _show_columns(table: "ReadTable") -> None:
    columns = [column.to_json() for column in table.schema]
    show_rows(
        ("column", "type", "missing", "because"),
        [(c["name"], c["type"], c["n_missing"], c["reason"]) for c in columns],
    )
