"""``benchmark``: our method and all baselines over several seeds. No model comes out of it."""

from typing import Literal

from pydantic import Field

from app.domain.kind import JobKind
from app.domain.tabular import TrainingSpec


class BenchmarkSpec(TrainingSpec):
    """Body of a ``benchmark`` job: the body of a training, done ``seeds`` times.

    The seeds count up from ``seed``. Each one draws another split, unless ``split.column`` fixes
    the test rows.
    """

    kind: Literal["benchmark"] = "benchmark"
    seeds: int = Field(strict=True, default=5, ge=3, le=20)

    def runs(self) -> int:
        """One training a seed."""
        return self.seeds


PLUGIN = JobKind(
    spec=BenchmarkSpec,
    phases=("materialize", "profile", "benchmark", "report"),
    example={"kind": "benchmark", "dataset": "churn@latest", "target": "y", "seeds": 3},
    inner_phases=(
        "materialize",
        "split",
        "dimension",
        "architecture",
        "teacher",
        "compress",
        "transfer",
        "correct",
        "certify",
        "calibrate",
        "baseline",
        "evaluate",
    ),
)
