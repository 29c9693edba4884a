"""``train``: from a table and a target to a small, self-checking network, without SGD."""

from typing import Literal

from pydantic import Field

from app.domain.kind import JobKind, Name, Part
from app.domain.tabular import TabularSpec


class Outputs(Part):
    """Under which name the model is registered; the job's dataset and target where null."""

    register_as: Name | None = None


class Baselines(Part):
    """What is trained beside our network, on the same split."""

    sgd: bool = True
    max_wall_seconds: int = Field(default=300, ge=1, le=3600)


class TrainSpec(TabularSpec):
    """Body of a ``train`` job. Everything but dataset and target has a default.

    ``corrections`` : tried in this order, each kept where it wins on held-out rows;
    ``fine_tune`` : a few guarded epochs of gradient descent at the end, at the price of the bound
    """

    kind: Literal["train"] = "train"
    baselines: Baselines = Baselines()
    outputs: Outputs = Outputs()
    fine_tune: bool = False
    corrections: tuple[Literal["level_set", "boosted_trees"], ...] = ("level_set", "boosted_trees")


PLUGIN = JobKind(
    spec=TrainSpec,
    phases=(
        "materialize",
        "profile",
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
