"""What people upload: a path, bytes or a data frame, as a file that can be read again."""

import contextlib
import importlib.util
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from app.client.errors import ClientError
from app.domain.errors import nearest


@dataclass(frozen=True, slots=True)
class Source:
    """A file name and its open content."""

    filename: str
    file: BinaryIO

    def from_start(self) -> BinaryIO:
        """The content, to be read once more: an upload may be tried again."""
        self.file.seek(0)
        return self.file


@contextlib.contextmanager
def source(name: str, data: Any) -> Iterator[Source]:  # noqa: ANN401  (any data frame)
    """The content to upload; a data frame becomes a file that is gone afterwards."""
    if isinstance(data, str | Path):
        path = Path(data)
        if not path.is_file():
            raise ClientError(f"there is no file {str(path)!r}{_near(path)}")
        with path.open("rb") as file:
            yield Source(path.name, file)
    elif isinstance(data, bytes | bytearray | memoryview):
        yield Source(name, io.BytesIO(data))
    else:
        with tempfile.TemporaryDirectory(prefix="adaptnet-") as folder:
            path = _write_frame(data, Path(folder) / name)
            with path.open("rb") as file:
                yield Source(path.name, file)


def _write_frame(frame: Any, path: Path) -> Path:  # noqa: ANN401  (any data frame)
    """Write a pandas or polars frame: as Parquet, which keeps the types, else as CSV."""
    parquet, text = Path(f"{path}.parquet"), Path(f"{path}.csv")
    if hasattr(frame, "write_parquet"):
        frame.write_parquet(parquet)
        return parquet
    if hasattr(frame, "to_parquet") and importlib.util.find_spec("pyarrow"):
        frame.to_parquet(parquet, index=False)
        return parquet
    if hasattr(frame, "to_csv"):
        frame.to_csv(text, index=False)
        return text
    wanted = "a path, bytes, or a data frame of pandas or polars"
    raise ClientError(f"data is {type(frame).__name__}; wanted was {wanted}")


def _near(path: Path) -> str:
    names = [found.name for found in path.parent.glob("*")] if path.parent.is_dir() else []
    near = nearest(path.name, names)
    return f"; did you mean {str(path.parent / near)!r}?" if near else ""
