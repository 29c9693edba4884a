"""``adaptnet train``: from a file to a model in one command."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.check import wishes
from app.cli.connection import connect
from app.cli.console import out
from app.cli.files import existing

EXAMPLES = """
adaptnet train examples/bikes.csv --target count
adaptnet train churn.parquet --target left --register-as churn-net --task binary
adaptnet train big.csv --target y --no-watch
"""

File = Annotated[Path, typer.Argument(callback=existing, help="The table to learn from")]
Target = Annotated[str, typer.Option("--target", "-t", help="The column to predict")]
Name = Annotated[str | None, typer.Option(help="Name of the dataset [default: that of the file]")]
RegisterAs = Annotated[str | None, typer.Option(help="Name of the model")]
Task = Annotated[str, typer.Option(help="auto, regression, binary or multiclass")]
Balanced = Annotated[
    bool, typer.Option("--balanced", help="Let all classes count alike, however rare")
]
Wishes = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="NAME=TYPE", help="Set a type that was guessed wrongly"),
]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same model")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Show phases until the end")]


def train(  # noqa: PLR0913  (one parameter an option)
    file: File,
    target: Target,
    *,
    name: Name = None,
    register_as: RegisterAs = None,
    task: Task = "auto",
    balanced: Balanced = False,
    column: Wishes = None,
    seed: Seed = 0,
    watch: Watch = True,
) -> None:
    """Upload a file, train a network on it and show how it compares with SGD.

    Ctrl-C stops the watching, not the job. With --no-watch only the job's id is printed.
    """
    from app.cli.outcome import show_outcome  # noqa: PLC0415  (httpx and numpy)

    with connect() as client:
        dataset = client.datasets.create(
            name or dataset_name(file), file, columns=wishes(column or []) or None
        )
        if watch:
            out.print(f"[bold]dataset[/] {escape(dataset.reference)} uploaded")
        dataset = dataset.wait()
        goal = {"column": target, "task": task}
        if balanced:
            goal["class_weights"] = "balanced"
        job = client.train(dataset, goal, register_as=register_as, seed=seed)
        if not watch:
            typer.echo(job.id)
            return
        job = job.watch()
        if job.status == "succeeded":
            show_outcome(job)
            out.print(f"download it: adaptnet models pull {job.model.reference}")
        elif job.ended:
            raise typer.Exit(1)


def dataset_name(file: Path) -> str:
    """A file's name without its endings, in the characters that names may have."""
    stem = file.name.partition(".")[0] or file.name.strip(".")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:100] or "data"
