"""``advise``: measure a dataset and say which network follows from it, before any training."""

from typing import Literal

from pydantic import Field, StrictInt

from app.domain.kind import JobKind
from app.domain.tabular import TabularSpec


class AdviseSpec(TabularSpec):
    """Body of an ``advise`` job. ``what_if_rows`` asks for the network at other sizes too."""

    kind: Literal["advise"] = "advise"
    what_if_rows: tuple[StrictInt, ...] = Field(default=(), max_length=20)


PLUGIN = JobKind(
    spec=AdviseSpec,
    phases=(
        "materialize",
        "profile",
        "split",
        "dimension",
        "structure",
        "invariance",
        "architecture",
        "double_descent",
        "forecast",
        "report",
    ),
    example={"kind": "advise", "dataset": "churn@latest", "target": "y", "what_if_rows": [50000]},
)
