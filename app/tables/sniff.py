"""The format of a file from its bytes. Its name only breaks ties, its content type is ignored."""

from pathlib import PurePath

from app.science.registry import FolderRegistry
from app.tables.format import TableFormat
from app.tables.problem import Problem, ProblemLog, invalid
from app.tables.source import Source

FORMATS: FolderRegistry[TableFormat] = FolderRegistry("app.tables.formats")

STRANGERS: dict[bytes, str] = {
    b"%PDF": "a PDF document",
    b"ARROW1": "an Arrow IPC file",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\x89HDF": "an HDF5 file",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"<!DOCTYPE": "an HTML page",
    b"<html": "an HTML page",
    b"<?xml": "an XML document",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "a gzip file inside another",
}
WANTED = (
    "Send CSV or TSV (UTF-8), JSONL, Parquet, NPZ or NPY, or a ZIP of images; "
    "text may be .gz or .zst."
)


def sniff(source: Source, log: ProblemLog) -> tuple[str, TableFormat]:
    """Name and plug-in of the format, or ``InvalidTable`` that says what the file looks like."""
    _refuse_strangers(source.head)
    suffix = _suffix(source.filename)
    found: list[tuple[int, bool, str, TableFormat]] = []
    for name in FORMATS.names():
        plugin = FORMATS.get(name)
        if confidence := plugin.recognize(source.head):
            found.append((confidence, suffix in plugin.suffixes, name, plugin))
    if not found:
        raise invalid(
            "unknown_format", "The content is not in any format that can be read.", WANTED
        )
    _, named_so, name, plugin = max(found, key=lambda entry: entry[:3])
    if source.compression and not plugin.compressible:
        raise invalid(
            "unsupported_format",
            f"This is a {name} file inside {source.compression}.",
            f"Send the {name} file itself; it is compressed already.",
        )
    if not named_so and _is_suffix_of_another(suffix, name):
        log.add(
            Problem(
                "name_mismatch",
                f"The file is named {suffix} but holds {name}; it was read as {name}.",
                "Rename the file if that is right; else export it again.",
                severity="warning",
            )
        )
    return name, plugin


def _refuse_strangers(head: bytes) -> None:
    start = head.lstrip()[:16]
    for magic, what in STRANGERS.items():
        if head.startswith(magic) or start.startswith(magic):
            raise invalid("unsupported_format", f"This is {what}, not a table.", WANTED)
    if start.startswith(b"["):
        raise invalid(
            "unsupported_format",
            "This is a JSON array; JSONL was wanted, one object per line.",
            'Write each row as a line: {"a": 1, "b": "x"}.',
        )


def _suffix(filename: str) -> str:
    suffixes = [s.lower() for s in PurePath(filename).suffixes]
    plain = [s for s in suffixes if s not in {".gz", ".gzip", ".zst", ".zstd"}]
    return plain[-1] if plain else ""


def _is_suffix_of_another(suffix: str, name: str) -> bool:
    others = (FORMATS.get(other).suffixes for other in FORMATS.names() if other != name)
    return any(suffix in suffixes for suffixes in others)
