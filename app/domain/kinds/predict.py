"""``predict``: a registered model over a whole dataset, as a file."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from app.domain.kind import JobKind, JobSpec


def _whole_percent(level: float) -> float:
    """Not ``multipleOf`` in the schema: validators of callers stumble over 0.57 / 0.01."""
    if abs(100 * level - round(100 * level)) > 1e-6:
        raise ValueError("levels are whole percents, such as 0.9 or 0.95")
    return level


Level = Annotated[float, Field(ge=0.5, le=0.99), AfterValidator(_whole_percent)]
"""A level that models keep intervals and sets for."""


class PredictSpec(JobSpec):
    """Body of a ``predict`` job."""

    kind: Literal["predict"] = "predict"
    model: str = Field(
        description="`name`, `name@2` or `name@latest`", min_length=1, max_length=200
    )
    format: Literal["parquet", "csv"] = "parquet"
    interval: Level | None = Field(
        default=None,
        description="Level of the columns `lower` and `upper`, or of `set` for a classification",
    )


PLUGIN = JobKind(
    spec=PredictSpec,
    phases=("materialize", "predict"),
    quick=True,
    example={
        "kind": "predict",
        "dataset": "new-customers@latest",
        "model": "churn-net@1",
        "interval": 0.9,
    },
)
