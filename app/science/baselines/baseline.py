"""The contract of a baseline: what a user would have trained instead, on the same split."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from app.science.evaluation.decision import ClassWeights
from app.science.registry import FolderRegistry
from app.science.relu_network.evaluate import answers
from app.science.relu_network.network import Array, Network, Node, Task


@dataclass(frozen=True)
class Problem:
    """Encoded rows of one split.

    ``train_x validation_x test_x`` : (n, p) float64. ``train_y validation_y`` : (n,), values or
    class codes below ``n_classes`` (0 for regression). A baseline never sees the test targets.
    It is chosen by the headline metric with these ``class_weights``.
    """

    task: Task
    n_classes: int
    train_x: NDArray[np.float64]
    train_y: NDArray[Any]
    validation_x: NDArray[np.float64]
    validation_y: NDArray[Any]
    test_x: NDArray[np.float64]
    class_weights: ClassWeights = ()

    @property
    def n_outputs(self) -> int:
        """Width of the model's last layer."""
        return 1 if self.task == "regression" else self.n_classes

    def network(self, nodes: tuple[Node, ...], tensors: Mapping[str, Array]) -> Network:
        """A model of this problem; its last node is the output, classes go by their codes."""
        classes = tuple(str(code) for code in range(self.n_classes))
        return Network(self.task, self.train_x.shape[1], nodes[-1].name, classes, nodes, tensors)


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Where the final run stood: seconds since its start, both scores on validation rows.

    ``loss`` is the mean squared error of the standardized target, or the cross-entropy;
    ``headline`` is the task's headline metric.
    """

    seconds: float
    loss: float
    headline: float


@dataclass(frozen=True)
class Checkpoint:
    """What the final run would have predicted had it ended after ``seconds``."""

    seconds: float
    prediction_test: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came out, and what it cost.

    ``prediction_test`` : (n,) in the target's unit, or (n, c) class probabilities.
    ``seconds_total`` includes the tuning; ``seconds_final``, ``curve`` and ``checkpoints`` are
    those of the one run that made the prediction; predicting at checkpoints costs it no time.
    """

    name: str
    prediction_test: NDArray[np.float64]
    validation_metric: float
    seconds_total: float
    seconds_final: float
    n_parameters: int
    curve: tuple[CurvePoint, ...]
    settings: Mapping[str, Any]
    checkpoints: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BaselineResult(Outcome):
    """The outcome of a baseline over encoded rows.

    ``network`` : the model in our own format, so that every method is served and timed by the
    same code. Ridge on classes agrees in the order of the classes only.
    """

    network: Network


def predictions(task: Task, outputs: Tensor, center: float, scale: float) -> NDArray[np.float64]:
    """A trained network's outputs (n, c) in the target's unit, or class probabilities.

    One that has diverged says nothing: the mean, or all classes alike.

    Parameters
    ----------
    center, scale : of the standardized target; 0 and 1 of classes
    """
    finite = outputs.double().nan_to_num(0.0, 0.0, 0.0)
    return answers(task, (finite * scale + center).cpu().numpy())


class Baseline(Protocol):
    """One way to train without us."""

    def run(
        self, problem: Problem, *, seed: int, budget_seconds: float, device: str = "cpu"
    ) -> BaselineResult:
        """Tune on validation rows, train, and predict the test rows."""
        ...


BASELINES: FolderRegistry[type[Baseline]] = FolderRegistry("app.science.baselines.methods")
