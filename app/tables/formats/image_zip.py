"""A ZIP of image files: the class is the top folder, or what ``labels.csv`` in the ZIP says.

Columns: ``image``; ``file``, its path; ``label``, the top folder, or the columns of the label
table; ``split``, where the top folders are those of a split. Nothing is ever unpacked to disk.
"""

import stat
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from app.tables.finding import Finding
from app.tables.format import Confidence, TableFormat
from app.tables.images import too_many_bytes
from app.tables.labels import join_labels, read_labels
from app.tables.limits import MIB, Limits
from app.tables.media import ENCODED, EXTRACTOR_FILE, PREPARATION_FILE
from app.tables.problem import Problem, ProblemLog, excerpt, invalid
from app.tables.source import Source, too_large
from app.tables.zip_directory import ENTRY, ZIP_ERRORS, check_end_record, first_name

BATCH_ROWS = 1024
BATCH_BYTES = 32 * MIB
MAX_LABEL_BYTES = 64 * MIB
LABELS = "labels.csv"
IMAGES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".tif", ".tiff", ".webp",
)  # fmt: skip
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
LITTER = ("__MACOSX", "Thumbs.db", "desktop.ini")
SPLITS = ("train", "training", "test", "testing", "val", "valid", "validation")
FROM_IMAGES = "Make the ZIP of the images alone: one folder a class, or with labels.csv."


def _recognize(head: bytes) -> Confidence:
    return 3 if head.startswith(ENTRY) and not first_name(head).endswith(".npy") else 0


def _read(source: Source, log: ProblemLog) -> Iterator[pa.RecordBatch]:
    limits = source.limits
    try:
        check_end_record(
            source.path, limits.max_zip_entries, noun="files", remedy="Send fewer, or Parquet."
        )
        with zipfile.ZipFile(source.path) as archive:
            entries = [entry for entry in archive.infolist() if _is_meant(entry)]
            _check(entries, limits, log)
            images = [entry for entry in entries if _is_image(entry)]
            table = _table(archive, entries, images, log)
            yield from _batches(archive, images, table, limits)
    except ZIP_ERRORS as error:
        raise invalid(
            "damaged_file",
            f"The file starts like a zip but cannot be read: {excerpt(str(error))}.",
            "The upload is cut off or damaged; make the zip again and upload it again.",
        ) from error


def _is_meant(entry: zipfile.ZipInfo) -> bool:
    """Whether this is a file of the user's: no folder, no link, nothing of an operating system."""
    parts = PurePosixPath(entry.filename).parts
    is_litter = any(part in LITTER or (part[0] == "." and part != "..") for part in parts)
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    return bool(parts) and not (entry.is_dir() or is_link or is_litter)


def _is_image(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.lower().endswith(IMAGES)


def _is_labels(entry: zipfile.ZipInfo) -> bool:
    return PurePosixPath(entry.filename).name.lower() == LABELS


def _check(entries: list[zipfile.ZipInfo], limits: Limits, log: ProblemLog) -> None:
    """Refuse what is no set of images, or a trap, from the directory alone."""
    names = [entry.filename for entry in entries]
    is_workbook = "[Content_Types].xml" in names  # which may hold pictures
    if is_workbook or not any(_is_image(entry) for entry in entries):
        what = "an Excel workbook" if is_workbook else "a zip without images"
        raise invalid(
            "unsupported_format",
            f"This is {what} ({excerpt(names[0]) if names else 'it is empty'}).",
            "Save the sheet as CSV, or upload the table without the zip."
            if is_workbook
            else f"{FROM_IMAGES} Tables are uploaded without a zip.",
        )
    if len(set(names)) < len(names):
        raise invalid("duplicate_file", "Two files have the same name.", FROM_IMAGES)
    for entry in entries:
        _check_entry(entry, log)
    log.raise_if_errors()
    _check_sizes(entries, limits)


def _check_entry(entry: zipfile.ZipInfo, log: ProblemLog) -> None:
    name, shown = entry.filename, excerpt(entry.filename)
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[0]:
        message = f"{shown} points out of the zip."
        log.add(Problem("unsafe_path", message, FROM_IMAGES, value_excerpt=shown))
    elif name.lower().endswith(ARCHIVES):
        message = f"{shown} is an archive inside the zip, which is not opened."
        log.add(Problem("nested_archive", message, FROM_IMAGES, value_excerpt=shown))
    elif entry.flag_bits & 1:
        message, remedy = f"{shown} is encrypted.", "Make the ZIP without a password."
        log.add(Problem("encrypted_file", message, remedy, value_excerpt=shown))
    elif not (_is_image(entry) or _is_labels(entry) or name in (EXTRACTOR_FILE, PREPARATION_FILE)):
        message = f"{shown} is no image by its name; it was left out."
        remedy = f"Name images {', '.join(IMAGES[:3])}, the label table {LABELS}; an extractor is "
        remedy += f"{EXTRACTOR_FILE} at the root."
        log.add(Problem("ignored_file", message, remedy, value_excerpt=shown, severity="warning"))


def _check_sizes(entries: list[zipfile.ZipInfo], limits: Limits) -> None:
    declared = sum(entry.file_size for entry in entries)
    if declared > limits.max_media_bytes:
        raise too_large(str(declared), limits)
    stored = sum(entry.compress_size for entry in entries)
    ratio = declared / max(stored, 1)
    if declared > limits.ratio_floor_bytes and ratio > limits.max_ratio:
        raise invalid(
            "compression_ratio",
            f"The zip expands {ratio:.0f} times to {declared} bytes; "
            f"the limit is {limits.max_ratio:g} times.",
            "Images hardly shrink in a zip; make it of PNG or JPEG files.",
        )


def _table(
    archive: zipfile.ZipFile,
    entries: list[zipfile.ZipInfo],
    images: list[zipfile.ZipInfo],
    log: ProblemLog,
) -> pa.Table:
    """Every column but the image, (n,) in the order of ``images``."""
    files = pa.array([entry.filename for entry in images], pa.string())
    table = pa.table({"file": files})
    labels = [entry for entry in entries if _is_labels(entry)]
    if not labels:
        return _folders(table, [PurePosixPath(entry.filename).parts[:-1] for entry in images])
    if len(labels) > 1 or labels[0].file_size > MAX_LABEL_BYTES:
        raise invalid(
            "broken_labels",
            f"There are {len(labels)} files {LABELS}, of {labels[0].file_size} bytes and more.",
            f"Send one, of at most {MAX_LABEL_BYTES} bytes.",
        )
    name = labels[0].filename
    folder = name[: -len(LABELS)]
    paths = [entry.filename.removeprefix(folder) for entry in images]
    joined = join_labels(read_labels(archive.read(labels[0]), name), paths, name, log)
    for column, values in zip(joined.column_names, joined.columns, strict=True):
        table = table.append_column(column, values)
    return table


def _folders(table: pa.Table, folders: Sequence[tuple[str, ...]]) -> pa.Table:
    """``label`` and ``split`` from the folders; a folder around everything is no class."""
    while (
        all(folders)
        and len({parts[0] for parts in folders}) == 1
        and any(len(parts) > 1 for parts in folders)
    ):
        folders = [parts[1:] for parts in folders]
    if all(parts and parts[0].lower() in SPLITS for parts in folders):
        splits = pa.array([parts[0] for parts in folders], pa.string())
        table = table.append_column("split", splits)
        folders = [parts[1:] for parts in folders]
    if any(folders):
        tops = pa.array([parts[0] if parts else None for parts in folders], pa.string())
        table = table.append_column("label", tops)
    return table


def _batches(
    archive: zipfile.ZipFile,
    images: list[zipfile.ZipInfo],
    table: pa.Table,
    limits: Limits,
) -> Iterator[pa.RecordBatch]:
    start = 0
    while start < len(images):
        stop, n_bytes = start, 0
        while stop < len(images) and stop - start < BATCH_ROWS and n_bytes < BATCH_BYTES:
            n_bytes += min(images[stop].file_size, limits.max_image_bytes)
            stop += 1
        files = [_content(archive, entry, limits) for entry in images[start:stop]]
        rows = table.slice(start, stop - start).combine_chunks()
        arrays = [column.combine_chunks() for column in rows.columns]
        yield pa.RecordBatch.from_arrays(
            [pa.array(files, ENCODED), *arrays], names=["image", *rows.column_names]
        )
        start = stop


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limits: Limits) -> dict[str, Any]:
    """A cell of ``ENCODED``; the zip's checksum finds damage in a single file."""
    path = {"path": entry.filename}
    if entry.file_size > limits.max_image_bytes:
        return {**path, "finding": asdict(too_many_bytes(entry.file_size, limits))}
    try:
        return {**path, "bytes": archive.read(entry)}
    except ZIP_ERRORS as error:
        what = f"cannot be read: {excerpt(str(error))}"
        finding = Finding("broken_image", what, "Make the zip again, or drop the row.")
        return {**path, "finding": asdict(finding)}


PLUGIN: TableFormat = TableFormat(
    suffixes=(".zip",), typed=True, compressible=False, recognize=_recognize, read=_read
)
