"""``train``: from a table and a target to a small, self-checking network, without SGD."""

from typing import Literal

from app.domain.kind import JobKind, Name, Part
from app.domain.tabular import TrainingSpec


class Outputs(Part):
    """Under which name the model is registered; the job's dataset and target where null."""

    register_as: Name | None = None


class TrainSpec(TrainingSpec):
    """Body of a ``train`` job: a training whose network is kept, under a name."""

    kind: Literal["train"] = "train"
    outputs: Outputs = Outputs()


PLUGIN = JobKind(
    spec=TrainSpec,
    phases=(
        "materialize",
        "profile",
        "split",
        "dimension",
        "structure",
        "invariance",
        "architecture",
        "teacher",
        "compress",
        "transfer",
        "correct",
        "certify",
        "calibrate",
        "baseline",
        "evaluate",
        "double_descent",
        "loss_surface",
        "forecast",
        "report",
        "package",
        "self_test",
    ),
    example={
        "kind": "train",
        "dataset": "churn@latest",
        "target": "y",
        "outputs": {"register_as": "churn-net"},
    },
)
