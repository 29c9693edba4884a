"""``adaptnet estimate``: what a job would cost, before anything is queued."""

from typing import Annotated

import typer
from rich.markup import escape

from app.cli.connection import connect
from app.cli.console import n_bytes, out, show_json, show_rows

EXAMPLES = """
adaptnet estimate bikes --target count
adaptnet estimate bikes@2 --target count --kind benchmark
adaptnet estimate bikes --target count --rows 100000 --rows 1000000
"""

Dataset = Annotated[str, typer.Argument(help="name (the newest) or name@2")]
Target = Annotated[str | None, typer.Option("--target", "-t", help="The column to predict")]
Kind = Annotated[str, typer.Option(help="train, benchmark, advise or analyze")]
Rows = Annotated[list[int] | None, typer.Option(min=1, help="And so many rows? Repeatable")]
Whole = Annotated[bool, typer.Option("--json", help="The whole answer of the service")]


def estimate(
    dataset: Dataset,
    target: Target = None,
    kind: Kind = "train",
    rows: Rows = None,
    whole: Whole = False,
) -> None:
    """Ask what a job would take, and whether it can run. Exit status 1 where it cannot."""
    with connect() as client:
        found = client.estimate(dataset, target, kind=kind, rows=rows or ())
    if whole:
        show_json(found.document)
        return
    color, word = ("green", "can run") if found.accepted else ("red", "cannot run")
    out.print(f"[{color}]{word}[/]: {escape(found.reason)}")
    if found.seconds and found.memory_bytes:
        here = (found.document["size"]["rows"], found.seconds, found.memory_bytes)
        others = [(e["rows"], e["seconds"], e["memory_bytes"]) for e in found.document["what_if"]]
        show_rows(
            ("rows", "seconds", "at most (9 of 10)", "memory", "at most (9 of 10)"),
            [
                (
                    *(f"{n:,}", f"{seconds['p50']:,.1f}", f"{seconds['p90']:,.1f}"),
                    *(n_bytes(memory["p50"]), n_bytes(memory["p90"])),
                )
                for n, seconds, memory in (here, *others)
            ],
        )
    for warning in found.warnings:
        out.print(escape(f"careful: {warning}"))
    if not found.accepted:
        raise typer.Exit(1)
