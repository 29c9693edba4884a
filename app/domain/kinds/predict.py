"""``predict``: a registered model over a whole dataset, as a file."""

from typing import Literal

from pydantic import Field

from app.domain.kind import JobKind, JobSpec


class PredictSpec(JobSpec):
    """Body of a ``predict`` job."""

    kind: Literal["predict"] = "predict"
    model: str = Field(
        description="`name`, `name@2` or `name@latest`", min_length=1, max_length=200
    )
    format: Literal["parquet", "csv"] = "parquet"


PLUGIN = JobKind(
    spec=PredictSpec,
    phases=("materialize", "predict"),
    quick=True,
    example={"kind": "predict", "dataset": "new-customers@latest", "model": "churn-net@1"},
)
