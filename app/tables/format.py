"""The contract of a file format: what it recognizes and how it yields record batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from app.tables.problem import ProblemLog
from app.tables.source import Source

Confidence = Literal[0, 1, 2, 3]
"""3: magic bytes; 2: the content has the format's shape; 1: it could be; 0: no."""


@dataclass(frozen=True, slots=True)
class TableFormat:
    """One file format.

    Parameters
    ----------
    suffixes : file name endings, which only break ties
    typed : False where every cell is text and types are guessed (CSV)
    compressible : may come wrapped in gzip or zstd
    recognize : reads the first decoded bytes and nothing else
    read : yields batches of one column set; fatal problems raise, others go to the log
    """

    suffixes: tuple[str, ...]
    typed: bool
    compressible: bool
    recognize: Callable[[bytes], Confidence]
    read: Callable[[Source, ProblemLog], Iterator[pa.RecordBatch]]
