"""Takes images and points out of record batches while they pass, and stores them beside the table.

Memory: one batch of encoded images, and one decoded image a thread. Problems of single cells are
warnings: such a cell has no value. A column where too many fail is refused.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.tables.finding import Finding
from app.tables.images import CheckedImage, Pixels, check_image, check_pixels
from app.tables.limits import Limits
from app.tables.media import IMAGE, MEDIA_FILE, POINTS, Origin, origin_of
from app.tables.points import CheckedPoints, check_points, from_lists
from app.tables.problem import Problem, ProblemLog, excerpt
from app.tables.source import too_large
from app.tables.threads import in_order, new_pool

IMAGE_FILE = pa.large_binary()
POINT_LIST = pa.list_(pa.list_(pa.float32()))

Checked = CheckedImage | CheckedPoints


@dataclass(frozen=True, slots=True)
class _Taken:
    """``cells`` stay in the table, ``contents`` go to the file, both (n,)."""

    cells: pa.Array
    contents: pa.Array


class MediaStore:
    """One read's images and points. ``folder``: where the file goes; nowhere if None."""

    def __init__(self, folder: Path | None, limits: Limits, log: ProblemLog) -> None:
        self._folder, self._limits, self._log = folder, limits, log
        self._pool = new_pool()
        self._writer: pq.ParquetWriter | None = None
        self._dims: dict[str, int] = {}
        self._unreadable: Counter[str] = Counter()
        self._n_bytes = 0
        self._n_rows = 0

    def __enter__(self) -> "MediaStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        if self._writer is not None:
            self._writer.close()

    def extract(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches with what is known about images and points in place of these."""
        for batch in batches:
            yield self._extract(batch)
        self._refuse_unreadable()

    def _extract(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns, contents = [], {}
        for field, column in zip(batch.schema, batch.columns, strict=True):
            origin = origin_of(field.type)
            if origin is None:
                columns.append(column)
                continue
            taken = self._take(field.name, origin, column)
            columns.append(taken.cells)
            contents[field.name.strip()] = taken.contents
        if contents:
            self._write(pa.RecordBatch.from_pydict(contents))
        self._n_rows += batch.num_rows
        names = batch.schema.names
        return pa.RecordBatch.from_arrays(columns, names=names) if contents else batch

    def _take(self, name: str, origin: Origin, column: pa.Array) -> _Taken:
        names = _field(column, "path")
        files = names.to_pylist() if isinstance(names, pa.Array) else names
        if origin in ("encoded", "pixels"):
            found = self._images(origin, column)
            return _take_images(self._usable(name, "image", found, files))
        return _take_points(self._usable(name, "point set", self._points(name, column), files))

    def _images(self, origin: Origin, column: pa.Array) -> Iterator[CheckedImage | Finding | None]:
        if origin == "pixels":
            return in_order(self._pool, self._check_pixels, column.to_numpy_ndarray())
        files = _field(column, "bytes") if pa.types.is_struct(column.type) else column
        cells = zip(files, _field(column, "finding"), strict=True)
        return in_order(self._pool, self._check, cells)

    def _check(self, cell: tuple[pa.Scalar, pa.Scalar | None]) -> CheckedImage | Finding | None:
        file, finding = cell
        if finding is not None and finding.is_valid:
            return Finding(**finding.as_py())
        return check_image(file.as_py(), self._limits) if file.is_valid else None

    def _check_pixels(self, pixels: Pixels) -> CheckedImage | Finding:
        return check_pixels(pixels, self._limits)

    def _points(self, name: str, column: pa.Array) -> Iterator[CheckedPoints | Finding | None]:
        is_tensor = isinstance(column.type, pa.FixedShapeTensorType)
        for cell in column.to_numpy_ndarray() if is_tensor else from_lists(column):
            if cell is None or isinstance(cell, Finding):
                yield cell
                continue
            found = check_points(cell, self._limits, self._dims.get(name))
            if isinstance(found, CheckedPoints):
                self._dims.setdefault(name, found.points.shape[1])
            yield found

    def _usable(
        self,
        name: str,
        noun: str,
        found: Iterable[Checked | Finding | None],
        files: Sequence[str | None],
    ) -> list[Any]:
        """What can be used, None elsewhere; everything else is logged with its row and file."""
        usable: list[Checked | None] = []
        for place, (cell, file) in enumerate(zip(found, files, strict=True)):
            row = self._n_rows + place + 1
            findings = (cell,) if isinstance(cell, Finding) else getattr(cell, "findings", ())
            for finding in findings:
                self._log.add(finding.at(row, name, noun, file))
            self._unreadable[name] += isinstance(cell, Finding)
            usable.append(None if isinstance(cell, Finding) else cell)
        return usable

    def _write(self, contents: pa.RecordBatch) -> None:
        self._n_bytes += contents.nbytes
        if self._n_bytes > self._limits.max_media_bytes:
            raise too_large(f"more than {self._limits.max_media_bytes}", self._limits)
        if self._folder is None:
            return
        if self._writer is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(
                self._folder / MEDIA_FILE,
                contents.schema,
                compression="zstd",
                use_dictionary=False,
                write_statistics=False,
            )
        self._writer.write_batch(contents)

    def _refuse_unreadable(self) -> None:
        for name, count in self._unreadable.items():
            if count > self._limits.max_unreadable_share * self._n_rows:
                self._log.add(
                    Problem(
                        "unreadable_column",
                        f"Column {excerpt(name)!r}: {count} of {self._n_rows} cells cannot be "
                        "read as image or points.",
                        "Look at the single problems; drop the column if it holds other bytes.",
                        column=name,
                        count=count,
                    )
                )


def _field(column: pa.Array, name: str) -> Sequence[Any]:
    """A field of each cell, None where the column has no such field."""
    if pa.types.is_struct(column.type) and column.type.get_field_index(name) >= 0:
        field: Sequence[Any] = pc.struct_field(column, name)
        return field
    return [None] * len(column)


def _take_images(images: list[CheckedImage | None]) -> _Taken:
    cells = [
        None
        if image is None
        else {
            "digest": image.digest,
            "height": image.height,
            "width": image.width,
            "mode": image.mode,
        }
        for image in images
    ]
    files = [None if image is None else image.data for image in images]
    return _Taken(pa.array(cells, IMAGE), pa.array(files, IMAGE_FILE))


def _take_points(sets: list[CheckedPoints | None]) -> _Taken:
    cells = [
        None
        if one is None
        else {"digest": one.digest, "n_points": one.points.shape[0], "dim": one.points.shape[1]}
        for one in sets
    ]
    lists = [None if one is None else list(one.points) for one in sets]
    return _Taken(pa.array(cells, POINTS), pa.array(lists, POINT_LIST))
