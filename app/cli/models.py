"""``adaptnet models``: list, look at, download."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.connection import connect
from app.cli.console import examples, moment, n_bytes, out, show_json, show_rows
from app.cli.packages import show_report, verified

group = typer.Typer(help="List and download models.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="MODEL", help="name (the newest) or name@2")]
Limit = Annotated[int, typer.Option(min=1, help="How many, newest first")]
Whole = Annotated[bool, typer.Option("--json", help="The whole answer of the service")]
Out = Annotated[Path, typer.Option("--out", help="A file, or a folder")]
Format = Annotated[str, typer.Option("--format", help="package, onnx or safetensors")]
PULL_EXAMPLES = """
adaptnet models pull bikes-count@1
adaptnet models pull bikes-count --format onnx --out models/
"""


@group.command("ls", epilog=examples("adaptnet models ls"))
def list_models(limit: Limit = 20) -> None:
    """List versions of models, newest first."""
    from app.client.watch import number  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        found = client.models.list(limit)
    show_rows(
        ("model", "task", "target", "parameters", "metric", "test", "created"),
        [
            (
                model.reference,
                *(model.summary.get(key) for key in ("task", "target", "n_parameters", "metric")),
                number((model.summary.get("test") or {}).get("network", "")),
                moment(model.created_at),
            )
            for model in found
        ],
    )


@group.command(epilog=examples("adaptnet models show bikes-count@1"))
def show(model: Reference, whole: Whole = False) -> None:
    """Show what a model predicts, how well, and its files."""
    from app.cli.outcome import panel  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        found = client.models.get(model)
    if whole:
        show_json(found.document)
        return
    out.print(panel(found.summary, {}, None))
    show_rows(
        ("format", "size", "sha256"),
        [(name, n_bytes(file["size"]), file["sha256"]) for name, file in found.files.items()],
    )


@group.command(epilog=examples(PULL_EXAMPLES))
def pull(model: Reference, path: Out = Path(), file_format: Format = "package") -> None:
    """Download a model; goes on where it broke off, and checks hashes and self-test."""
    with connect() as client:
        found = client.models.get(model)
        written = found.download(path, file_format)
    if file_format == "package":
        show_report(verified(written))
    out.print(f"{escape(found.reference)} -> [bold]{escape(str(written))}[/]")
