"""``analyze``: profile a dataset, estimate its dimension, and look for structure in a label."""

from typing import Literal

from app.domain.kind import ColumnName, JobKind, JobSpec
from app.domain.tabular import Features


class AnalyzeSpec(JobSpec):
    """Body of an ``analyze`` job.

    With ``label`` the dimension is also given class by class, and the label is looked at as a
    target: is it smooth, does it jump, under which changes of a row does it stay the same?
    """

    kind: Literal["analyze"] = "analyze"
    label: ColumnName | None = None
    features: Features = Features()

    def column_names(self) -> dict[str, str]:
        """JSON pointer to column name, for every column that the body names."""
        named = {"/label": self.label} if self.label else {}
        for key in ("include", "exclude"):
            for index, column in enumerate(getattr(self.features, key)):
                named[f"/features/{key}/{index}"] = column
        return named


PLUGIN = JobKind(
    spec=AnalyzeSpec,
    phases=("materialize", "profile", "dimension", "structure", "invariance", "report"),
    example={"kind": "analyze", "dataset": "churn@latest"},
)
