"""``adaptnet datasets``: list, look at, delete."""

from typing import Annotated

import typer
from rich.markup import escape

from app.cli.connection import connect
from app.cli.console import examples, moment, out, show_json, show_rows

group = typer.Typer(help="List, inspect and delete datasets.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="DATASET", help="name, name@3 or name@latest")]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first")]
Whole = Annotated[bool, typer.Option("--json", help="The whole answer of the service")]


@group.command("ls", epilog=examples("adaptnet datasets ls"))
def list_datasets(limit: Limit = 20) -> None:
    """List versions of datasets, newest first."""
    with connect() as client:
        found = client.datasets.list(limit)
    show_rows(
        ("dataset", "status", "rows", "columns", "created"),
        [(d.reference, d.status, d.n_rows, len(d.columns), moment(d.created_at)) for d in found],
    )


@group.command(
    epilog=examples("adaptnet datasets show bikes\nadaptnet datasets show bikes@2 --json")
)
def show(dataset: Reference, whole: Whole = False) -> None:
    """Show the columns as they were understood, and what was wrong with the file."""
    from app.client import problem_table  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        found = client.datasets.get(dataset)
        problems = found.validation() if found.problems else []
    if whole:
        show_json(found.document)
        return
    rows = f", {found.n_rows:,} rows" if found.n_rows is not None else ""
    out.print(f"{escape(found.reference)}: [bold]{found.status}[/]{rows}")
    if found.columns:
        show_rows(
            ("column", "type", "missing", "because"),
            [(c["name"], c["type"], c.get("n_missing"), c.get("reason")) for c in found.columns],
        )
    if problems:
        typer.echo(problem_table.render(problems))


@group.command(epilog=examples("adaptnet datasets rm bikes --yes"))
def rm(
    name: Annotated[str, typer.Argument(help="The name, without a version")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask")] = False,
) -> None:
    """Delete a dataset with all its versions and bytes."""
    with connect() as client:
        client.datasets.get(name)
        if not yes:
            typer.confirm(f"Delete all versions of {name}?", abort=True)
        out.print(f"deleted {client.datasets.delete(name)} versions of {escape(name)}")
