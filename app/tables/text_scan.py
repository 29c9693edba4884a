"""A first pass over CSV text: its encoding, its quotes and its line lengths, in constant memory.

The parser behind it accepts an unclosed quote at the end and stops at the first bad byte without a
row; here both become problems with a row. ``row`` is the line number minus the header's line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.tables.problem import Problem, ProblemLog, excerpt

BOM = b"\xef\xbb\xbf"
_PAIRED = re.compile(rb'(?:[^"]++|"[^"\n]*+")*+')  # every quote has its partner on its line
_C1 = re.compile(rb"[\x80-\x9f]")
_NOT_IN_CP1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


@dataclass(frozen=True, slots=True)
class TextFacts:
    """What the first pass saw."""

    encoding: str
    n_lines: int
    has_quoted_newlines: bool
    ends_with_newline: bool


@dataclass
class _Scan:
    """Running state: lines so far, the open quote, and where each encoding was first seen."""

    opening: re.Pattern[bytes]
    max_row_bytes: int
    log: ProblemLog
    n_lines: int = 0
    quoted_newline_line: int | None = None
    utf8_line: int | None = None
    other_line: int | None = None
    other_text: bytes = b""
    has_c1: bool = False
    held: bytes = b""
    held_lines: int = 0
    ends_with_newline: bool = True


def scan(blocks: Iterable[bytes], delimiter: str, max_row_bytes: int, log: ProblemLog) -> TextFacts:
    """Read all ``blocks``, which end at line feeds; log warnings, raise on what cannot be read."""
    mark = re.escape(delimiter.encode())
    opening = re.compile(rb"(?<![^\r\n" + mark + rb'])"[^"]*(?:""[^"]*)*("|\Z)')
    state = _Scan(opening, max_row_bytes, log)
    for block in blocks:
        _check_encoding(state, block)
        _check_quotes(state, block)
        state.n_lines += block.count(b"\n")
        state.ends_with_newline = block.endswith(b"\n")
    if not state.ends_with_newline:
        state.n_lines += 1
    if state.held:
        _fail_unclosed(state)
    return TextFacts(
        _encoding(state),
        state.n_lines,
        state.quoted_newline_line is not None,
        state.ends_with_newline,
    )


def _check_encoding(state: _Scan, block: bytes) -> None:
    if b"\0" in block:
        line = state.n_lines + block.count(b"\n", 0, block.index(b"\0")) + 1
        state.log.fail(
            Problem(
                "binary_content",
                f"Line {line} holds a NUL byte; text was wanted.",
                "Export the table as UTF-8 text, or send Parquet.",
                row=max(line - 1, 1),
            )
        )
    if block.isascii():
        return
    for number, line_bytes in enumerate(block.split(b"\n"), start=state.n_lines + 1):
        if not line_bytes.isascii():
            _note_line(state, number, line_bytes)


def _note_line(state: _Scan, number: int, line: bytes) -> None:
    text = line.removeprefix(BOM) if number == 1 else line
    if text.isascii():
        return
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        state.has_c1 = state.has_c1 or bool(_C1.search(text))
        if state.other_line is None:
            state.other_line, state.other_text = number, text
        if _NOT_IN_CP1252.search(text):
            _fail_unknown(state, number, text)
    else:
        state.utf8_line = state.utf8_line or number


def _encoding(state: _Scan) -> str:
    if state.other_line is None:
        return "utf-8"
    encoding = "cp1252" if state.has_c1 else "latin-1"
    row, text = max(state.other_line - 1, 1), excerpt(state.other_text.decode("latin-1"))
    if state.utf8_line is not None:
        state.log.fail(
            Problem(
                "mixed_encodings",
                f"Line {state.utf8_line} is UTF-8 but line {state.other_line} is not.",
                "Files with different encodings were joined; convert all to UTF-8 first.",
                row=row,
                value_excerpt=text,
            )
        )
    state.log.add(
        Problem(
            "encoding_guessed",
            f"Line {state.other_line} is not UTF-8; the file was read as {encoding}.",
            "Check the accents in the profile; export as UTF-8 to be sure.",
            row=row,
            value_excerpt=text,
            severity="warning",
        )
    )
    return encoding


def _fail_unknown(state: _Scan, number: int, text: bytes) -> None:
    state.log.fail(
        Problem(
            "unknown_encoding",
            f"Line {number} is neither UTF-8 nor Latin-1.",
            "Export the file as UTF-8.",
            row=max(number - 1, 1),
            value_excerpt=excerpt(text.decode("latin-1")),
        )
    )


def _check_quotes(state: _Scan, block: bytes) -> None:
    """Follow quoted cells; one that is open at the end of the block is held for the next."""
    if not state.held and _PAIRED.fullmatch(block):
        return
    if not state.held:
        state.held_lines = state.n_lines
    text = state.held + block
    state.held = b""
    if text.startswith(BOM):
        text = text[len(BOM) :]
    for match in state.opening.finditer(text):
        if state.quoted_newline_line is None and b"\n" in match.group():
            state.quoted_newline_line = _line_of(state, text, match.start())
        if not match.group(1):
            state.held_lines = _line_of(state, text, match.start()) - 1
            state.held = text[match.start() :]
    if len(state.held) > state.max_row_bytes:
        _fail_unclosed(state)


def _line_of(state: _Scan, text: bytes, position: int) -> int:
    return state.held_lines + text.count(b"\n", 0, position) + 1


def _fail_unclosed(state: _Scan) -> None:
    line = state.held_lines + 1
    first = state.quoted_newline_line or line
    state.log.fail(
        Problem(
            "unclosed_quote",
            f"The quoted cell that starts in line {line} is never closed; "
            f"the first quoted cell that spans lines starts in line {first}.",
            f'Close the quote near line {first}; write a quote inside a cell as "".',
            row=max(line - 1, 1),
            value_excerpt=excerpt(state.held[:80].decode("latin-1")),
        )
    )
