"""Files that commands read: a misspelt name gets the nearest one."""

from pathlib import Path

import typer

from app.domain.errors import nearest


def existing(path: Path) -> Path:
    """The path of a file that is there."""
    if path.is_file():
        return path
    folder = path.parent
    names = [found.name for found in folder.iterdir()] if folder.is_dir() else []
    near = nearest(path.name, names)
    hint = f"; did you mean {str(folder / near)!r}?" if near else ""
    what = "is a folder, wanted is a file" if path.is_dir() else f"does not exist{hint}"
    raise typer.BadParameter(f"{str(path)!r} {what}")


def file_or_folder(path: Path) -> Path:
    """The path of a file or a folder that is there."""
    return path if path.is_dir() else existing(path)
