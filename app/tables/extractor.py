"""Takes the feature extractor out of a ZIP of images, after a look at what it is."""

import zipfile
from pathlib import Path

from app.science.errors import UnusableExtractor
from app.science.images import extractor
from app.tables.media import EXTRACTOR_FILE, PREPARATION_FILE
from app.tables.problem import excerpt, invalid
from app.tables.zip_directory import ZIP_ERRORS

CODE = "extractor_not_usable"
LIMITS = {
    EXTRACTOR_FILE: extractor.MAX_BYTES,
    PREPARATION_FILE: extractor.MAX_PREPARATION_BYTES,
}


def take(path: Path, folder: Path) -> None:
    """Leave the files of an extractor in the folder; none where the ZIP holds none.

    Parameters
    ----------
    path : a ZIP that ``read_table`` has read

    Raises
    ------
    InvalidTable
        The extractor cannot be used, with the reason.
    """
    with zipfile.ZipFile(path) as archive:
        found = {n: _content(archive, n) for n in LIMITS if n in archive.NameToInfo}
    if not found:
        return
    if EXTRACTOR_FILE not in found:
        message = f"{PREPARATION_FILE} comes without {EXTRACTOR_FILE}."
        raise invalid(CODE, message, f"Put {EXTRACTOR_FILE} beside it, or leave it out.")
    try:
        extractor.read(found[EXTRACTOR_FILE], found.get(PREPARATION_FILE))
    except UnusableExtractor as error:
        message = f"{EXTRACTOR_FILE} {error.problem}."
        raise invalid(CODE, message, f"To use it: {error.remedy}.") from None
    for name, content in found.items():
        (folder / name).write_bytes(content)


def load(folder: Path) -> extractor.Extractor | None:
    """The extractor that ``take`` has left in a dataset's folder."""
    path, preparation = folder / EXTRACTOR_FILE, folder / PREPARATION_FILE
    if not path.exists():
        return None
    return extractor.read(
        path.read_bytes(), preparation.read_bytes() if preparation.exists() else None
    )


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > LIMITS[name]:
        raise invalid(
            CODE,
            f"{name} has {size} bytes.",
            f"Send a smaller one, of at most {LIMITS[name]} bytes.",
        )
    try:
        return archive.read(name)
    except ZIP_ERRORS as error:
        raise invalid(
            "damaged_file",
            f"{name} cannot be read: {excerpt(str(error))}.",
            "Make the zip again and upload it again.",
        ) from error
