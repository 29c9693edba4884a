"""Pictures and point sets from files of this machine, for ``adaptnet predict``."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer

from app.science.export import media_runtime
from app.science.export.media_runtime import MediaModel

BLOCK = 256
SUFFIXES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

Blocks = Iterator[tuple[dict[str, list[str]], Any]]


def opened(package: Path, file: Path) -> tuple[MediaModel, Blocks]:
    """The model, and the blocks of what it is to predict."""
    model = media_runtime.load(package)
    if model.kind == "points":
        return model, _point_sets(file)
    return model, _pictures(file)


def _point_sets(file: Path) -> Blocks:
    sets = np.load(file, mmap_mode="r", allow_pickle=False)
    if not isinstance(sets, np.ndarray) or sets.ndim != 3:
        raise typer.BadParameter(f"{file.name} is no NPY array (sets, points, numbers)")
    for start in range(0, len(sets), BLOCK):
        yield {}, sets[start : start + BLOCK].astype(np.float32)


def _pictures(file: Path) -> Blocks:
    if file.is_dir():
        paths = sorted(path for path in file.rglob("*") if _is_picture(path.name))
        yield from _named([str(path.relative_to(file)) for path in paths], paths)
    elif zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as bundle:
            names = [entry for entry in bundle.namelist() if _is_picture(entry)]
            for block, _ in _named(names, names):
                yield block, [bundle.read(name) for name in block["file"]]
    else:
        yield from _named([file.name], [file])


def _named(names: Sequence[str], items: Sequence[Any]) -> Blocks:
    if not names:
        raise typer.BadParameter(f"there is no picture ({', '.join(sorted(SUFFIXES))})")
    for start in range(0, len(names), BLOCK):
        yield {"file": list(names[start : start + BLOCK])}, list(items[start : start + BLOCK])


def _is_picture(name: str) -> bool:
    path = Path(name)
    hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden
