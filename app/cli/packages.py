"""``adaptnet verify`` and ``adaptnet predict``: a model package with numpy alone, offline."""

import contextlib
import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer
from rich.markup import escape

from app.cli.console import err, out
from app.cli.files import existing, file_or_folder

if TYPE_CHECKING:
    from app.science.export.answer import Model
    from app.science.export.runtime import VerifyReport

Block = tuple[dict[str, list[str]], Any]
"""Columns that name the rows, and the rows as the model reads them."""

VERIFY_EXAMPLES = """
adaptnet verify bikes-count-1.mmpkg
"""
PREDICT_EXAMPLES = """
adaptnet predict bikes-count-1.mmpkg new.csv
adaptnet predict bikes-count-1.mmpkg new.csv.gz --out predicted.csv --interval 0.9
adaptnet predict pets-label-1.mmpkg photographs/
adaptnet predict pets-label-1.mmpkg photographs.zip --out predicted.csv
"""
BLOCK_ROWS = 50_000

Package = Annotated[
    Path, typer.Argument(callback=existing, metavar="MODEL.mmpkg", help="The package")
]
Table = Annotated[
    Path,
    typer.Argument(
        callback=file_or_folder,
        metavar="FILE",
        help="Rows under a header (CSV); for a model of images a picture, a folder or a ZIP of "
        "pictures; for one of point sets an NPY of (sets, points, numbers)",
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="A CSV file [default: standard output]")]

Interval = Annotated[
    float | None,
    typer.Option(min=0.5, max=0.99, help="Level of an interval, or of a set of classes"),
]


def verify(package: Package) -> None:
    """Check a model package: hashes, contents, and its self-test on this machine.

    Needs numpy only (ONNX Runtime for images and point sets) and runs no code of the package.
    Exit status 1 if anything differs.
    """
    report = verified(package)
    show_report(report)
    if not report.passed:
        raise typer.Exit(1)


def verified(package: Path) -> "VerifyReport":
    """The report of the reader that the package is for."""
    from app.science.export import runtime  # noqa: PLC0415  (numpy)

    if not runtime.is_media(package):
        return runtime.verify(package)
    from app.science.export import media_runtime  # noqa: PLC0415  (onnxruntime, of an extra)

    return media_runtime.verify(package)


def show_report(report: "VerifyReport") -> None:
    """One line a check."""
    for check in report.checks:
        mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
        out.print(f"{mark} {check.name:<10} {escape(check.detail)}")
    if report.digest:
        out.print(f"  {report.format}, digest {report.digest}", soft_wrap=True)


def predict(package: Package, file: Table, out_file: Out = None, interval: Interval = None) -> None:
    """Predict the rows of a CSV file, or pictures or point sets, with a package, offline.

    Writes the column `prediction`, and for a classification one probability a class. Columns that
    the model does not know are ignored. `--interval` adds `lower` and `upper`, or `set` as JSON.
    """
    from app.science.export import runtime  # noqa: PLC0415  (numpy)

    model: Model
    if runtime.is_media(package):
        from app.cli import media_files  # noqa: PLC0415  (onnxruntime, of an extra)

        model, blocks = media_files.opened(package, file)
    else:
        model, blocks = runtime.load(package), _blocks(existing(file))
    if out_file is None:
        _write(model, blocks, sys.stdout, interval)
        return
    with out_file.open("w", encoding="utf-8", newline="") as target:
        n_rows = _write(model, blocks, target, interval)
    err.print(f"{n_rows:,} predictions -> [bold]{escape(str(out_file))}[/]")


def _write(model: "Model", blocks: Iterator[Block], target: TextIO, level: float | None) -> int:
    """Predict block by block, so that the file may be larger than memory."""
    from app.science.export import answer  # noqa: PLC0415  (numpy)

    writer = csv.writer(target, lineterminator="\n")
    n_rows = 0
    for names, rows in blocks:
        columns = {**names, **answer.table(model, rows, level)}
        if "set" in columns:
            columns["set"] = [json.dumps(found, ensure_ascii=False) for found in columns["set"]]
        if not n_rows:
            writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
        n_rows += len(columns["prediction"])
    if not n_rows:
        writer.writerow(answer.names(model, level))
    return n_rows


def _blocks(file: Path) -> Iterator[Block]:
    """The rows of a CSV file by column."""
    with _reader(file) as text:
        rows = csv.DictReader(text, delimiter=_delimiter(text))
        for block in _by_column(rows):
            yield {}, block


def _by_column(rows: "csv.DictReader[str]") -> Iterator[dict[str, list[Any]]]:
    names = list(rows.fieldnames or [])
    block: list[dict[str, Any]] = []
    for row in rows:
        block.append(row)
        if len(block) == BLOCK_ROWS:
            yield {name: [r[name] for r in block] for name in names}
            block = []
    if block:
        yield {name: [r[name] for r in block] for name in names}


@contextlib.contextmanager
def _reader(file: Path) -> Iterator[TextIO]:
    with file.open("rb") as raw:
        plain = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
        with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
            yield text


def _delimiter(text: TextIO) -> str:
    """The separator of the header: the candidate that stands in it most often."""
    header = text.readline()
    text.seek(0)
    return max(",;\t|", key=header.count)
