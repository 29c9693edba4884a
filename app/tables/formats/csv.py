"""CSV and TSV: every cell is read as text, types are guessed later from whole columns."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.csv as pa_csv

from app.tables.delimiter import guess_delimiter, header_of
from app.tables.format import Confidence, TableFormat
from app.tables.problem import Problem, ProblemLog, excerpt
from app.tables.source import BoundedStream, Source, blocks, row_too_long
from app.tables.text_scan import BOM, TextFacts, scan

NEWLINES = b"\r\n"
TEXT_CONTROLS = frozenset(b"\t\n\r\x0b\x0c\x01\x1a\x1b")


def _recognize(head: bytes) -> Confidence:
    controls = sum(byte < 32 and byte not in TEXT_CONTROLS for byte in head[:4096])
    if not head.strip() or head[:4096].count(0) or controls > len(head[:4096]) // 100:
        return 0
    return 1


def _read(source: Source, log: ProblemLog) -> Iterator[pa.RecordBatch]:
    sample = _sample(source)
    text = sample.decode("latin-1")
    _check_width(text, source, log)
    delimiter = guess_delimiter(text, log)
    with source.open() as stream:
        max_row_bytes = source.limits.max_row_bytes
        facts = scan(blocks(stream, max_row_bytes), delimiter, max_row_bytes, log)
    header = header_of(sample.decode(facts.encoding, errors="replace"), delimiter)
    _warn_if_numbers(header, log)
    if facts.n_lines > 1:
        yield from _parse(source, header, delimiter, facts, log)


def _sample(source: Source) -> bytes:
    """Whole first lines, without a byte order mark and leading blank lines."""
    head = _strip(source.head)
    if b"\n" in head or b"\r" in head:
        return head
    return _strip(source.sample(source.limits.max_row_bytes))


def _strip(head: bytes) -> bytes:
    return head.removeprefix(BOM).lstrip(NEWLINES)


def _check_width(text: str, source: Source, log: ProblemLog) -> None:
    """Refuse a header that is too wide before anything is split into cells."""
    limits = source.limits
    line = text.split("\n", 1)[0]
    n_columns = 1 + max(line.count(mark) for mark in ",;\t|")
    if n_columns > limits.max_columns and '"' not in line:
        log.fail(
            Problem(
                "too_many_columns",
                f"The header has at least {n_columns} columns; the limit is {limits.max_columns}.",
                "Drop columns, or send the table the other way round if it is transposed.",
            )
        )
    if len(line) >= limits.max_row_bytes:
        raise row_too_long(1, limits.max_row_bytes)


def _warn_if_numbers(header: list[str], log: ProblemLog) -> None:
    numbers = [name for name in header if _is_number(name)]
    if header and len(numbers) == len(header):
        log.add(
            Problem(
                "header_looks_like_data",
                f"All {len(header)} column names are numbers, such as {excerpt(header[0])!r}; "
                "the first row was taken as names.",
                "Add a header row with the column names.",
                value_excerpt=excerpt(",".join(header)),
                severity="warning",
            )
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _RowCheck:
    """Called for each row whose width differs from the header's."""

    def __init__(self, header: list[str], facts: TextFacts, log: ProblemLog) -> None:
        self._header, self._facts, self._log = header, facts, log
        self._last: tuple[int, int, str] | None = None
        self.n_bad = 0

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        """Skip the row; the problem is logged when the next one comes, or at the end."""
        self._flush("ragged_row")
        number = row.number - 1 if row.number else 0
        self._last = (number, row.actual_columns, excerpt(row.text or ""))
        self.n_bad += 1
        return "skip"

    def finish(self, n_good: int) -> None:
        """Log the last bad row, as truncated if the file ends in it without a line feed."""
        cut_off = (
            self._last is not None
            and self._last[0] == n_good + self.n_bad
            and self._last[1] < len(self._header)
            and not self._facts.ends_with_newline
        )
        self._flush("truncated_row" if cut_off else "ragged_row")

    def _flush(self, code: str) -> None:
        if self._last is None:
            return
        number, width, text = self._last
        self._last = None
        remedy = (
            "The file ends in the middle of this row; export and upload it again."
            if code == "truncated_row"
            else 'Give each row the same number of cells; put a cell with a delimiter in "quotes".'
        )
        message = f"Row {number} has {width} cells; the header has {len(self._header)}."
        self._log.add(Problem(code, message, remedy, row=number, value_excerpt=text))


def _parse(
    source: Source, header: list[str], delimiter: str, facts: TextFacts, log: ProblemLog
) -> Iterator[pa.RecordBatch]:
    places = [f"c{index}" for index in range(len(header))]
    check = _RowCheck(header, facts, log)
    n_good = 0
    try:
        with source.open() as stream:
            reader = pa_csv.open_csv(
                _after_blank_lines(stream),
                read_options=pa_csv.ReadOptions(
                    use_threads=False,  # row numbers are known only without threads
                    block_size=source.limits.max_row_bytes,
                    column_names=places,
                    skip_rows_after_names=1,
                    encoding="utf8" if facts.encoding == "utf-8" else facts.encoding,
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=delimiter,
                    invalid_row_handler=check,
                    newlines_in_values=facts.has_quoted_newlines,
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False
                ),
            )
            for batch in reader:
                n_good += batch.num_rows
                yield pa.RecordBatch.from_arrays(batch.columns, names=header)
    except (pa.ArrowException, UnicodeError) as error:
        log.fail(
            Problem(
                "unreadable_text",
                f"The parser stopped after {n_good} rows: {excerpt(str(error))}.",
                f"Check the quotes and line lengths after row {n_good}.",
                row=n_good + 1,
            )
        )
    check.finish(n_good)


class _Tail:
    """What is left of a stream after its first bytes, ending in a line feed."""

    def __init__(self, first: bytes, stream: BoundedStream) -> None:
        self._first, self._stream, self._last = first, stream, first[-1:]
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """Like a file's; at the end comes the line feed that some files lack."""
        if self._first:
            data, self._first = self._first[:size], self._first[size:]
        else:
            data = self._stream.read(size)
        if not data and self._last != b"\n":
            data = b"\n"
        self._last = data[-1:] or self._last
        return data

    def readable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Leave the stream to its owner."""
        self.closed = True


def _after_blank_lines(stream: BoundedStream) -> _Tail:
    head = _strip(stream.read(4096))
    while not head and (more := stream.read(4096)):
        head = more.lstrip(NEWLINES)
    return _Tail(head, stream)


PLUGIN: TableFormat = TableFormat(
    suffixes=(".csv", ".tsv", ".txt", ".tab"),
    typed=False,
    compressible=True,
    recognize=_recognize,
    read=_read,
)
