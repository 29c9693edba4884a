"""What a job learns from: the columns of a table, or one column of images or of point sets."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.domain.kind import JobSpec
from app.domain.kinds.analyze import AnalyzeSpec
from app.domain.tabular import TabularSpec

MEDIA = {"image": "images", "points": "point sets"}
"""Column types that are no table's, and what such cells are called."""

Column = Mapping[str, Any]


def media_columns(spec: JobSpec, columns: Sequence[Column]) -> list[Column]:
    """The columns of images or point sets that the body asks for; none where it reads a table."""
    if not isinstance(spec, AnalyzeSpec | TabularSpec):
        return []
    asked = spec.features
    apart = {*asked.exclude, spec.target.column if isinstance(spec, TabularSpec) else spec.label}
    read = set(asked.include or (column["name"] for column in columns)) - apart
    return [c for c in columns if c["type"] in MEDIA and c["name"] in read]
