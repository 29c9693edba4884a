"""LightGBM: boosted trees, what most users of tables would take today.

Each number of leaves trains until validation rows stop gaining; the best by their headline metric
predicts. The trees see the encoded rows that every method sees, rounded to float32, so that the
``trees`` node of our format is the same model.

Source: Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree". Differs
from the paper's defaults: a lower learning rate, with early stopping on validation rows.
"""

import time
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray

from app.science.baselines.baseline import Baseline, BaselineResult, CurvePoint, Problem
from app.science.evaluation.metrics import evaluate, headline
from app.science.relu_network.network import INPUT, Array, Network, Node
from app.science.relu_network.trees import from_lightgbm

OBJECTIVES = {"regression": "regression", "binary": "binary", "multiclass": "multiclass"}
HALVES = np.array([-0.5, 0.5])
"""A difference v of two logits is v / 2 on one and -v / 2 on the other."""


@dataclass(frozen=True)
class _Fit:
    """One number of leaves: the model, and when since the start it was ready."""

    leaves: int
    booster: lightgbm.Booster
    point: CurvePoint
    seconds: float


@dataclass(frozen=True, slots=True)
class LightGbm:
    """Gradient boosting with early stopping.

    Parameters
    ----------
    leaves : candidates, in the order in which they are tried while the time budget lasts
    max_rounds : trees at most, one a class in each round
    """

    leaves: tuple[int, ...] = (31, 15, 127)
    learning_rate: float = 0.05
    max_rounds: int = 2000
    patience: int = 50

    def run(
        self,
        problem: Problem,
        *,
        seed: int,
        budget_seconds: float,
        device: str = "cpu",  # noqa: ARG002 (trees grow on the CPU)
    ) -> BaselineResult:
        """Train every candidate that the time allows, one at least; the best one predicts."""
        start = time.perf_counter()
        fits: list[_Fit] = []
        for leaves in self.leaves:
            if not fits or time.perf_counter() - start < budget_seconds:
                fits.append(self._fit(problem, leaves, seed, start))
        best = min(fits, key=lambda fit: (fit.point.headline, fit.point.loss))
        prediction = _predict(problem, best.booster, problem.test_x)
        seconds = time.perf_counter() - start
        network = _network(problem, best.booster)
        return BaselineResult(
            name="lightgbm",
            prediction_test=prediction,
            validation_metric=best.point.headline,
            seconds_total=seconds,
            seconds_final=best.seconds,
            n_parameters=network.n_parameters,
            curve=tuple(fit.point for fit in fits),
            settings={
                "leaves": best.leaves,
                "rounds": best.booster.best_iteration,
                "learning_rate": self.learning_rate,
                "runs": len(fits),
            },
            network=network,
        )

    def _fit(self, problem: Problem, leaves: int, seed: int, start: float) -> _Fit:
        begun = time.perf_counter()
        options = self._options(problem, leaves, seed)
        train = _dataset(problem.train_x, problem.train_y, options)
        held = _dataset(problem.validation_x, problem.validation_y, options, reference=train)
        stop = lightgbm.early_stopping(self.patience, verbose=False)
        booster = lightgbm.train(
            options, train, self.max_rounds, valid_sets=[held], callbacks=[stop]
        )
        prediction = _predict(problem, booster, problem.validation_x)
        point = CurvePoint(
            time.perf_counter() - start,
            _loss(problem, prediction),
            headline(problem.task, problem.validation_y, prediction, problem.class_weights),
        )
        return _Fit(leaves, booster, point, time.perf_counter() - begun)

    def _options(self, problem: Problem, leaves: int, seed: int) -> dict[str, Any]:
        return {
            "objective": OBJECTIVES[problem.task],
            "num_class": problem.n_classes if problem.task == "multiclass" else 1,
            "num_leaves": leaves,
            "learning_rate": self.learning_rate,
            "use_missing": False,
            "seed": seed % 2**31,
            "deterministic": True,
            "force_row_wise": True,  # timing both layouts first would let the clock decide
            "num_threads": torch.get_num_threads(),
            "verbosity": -1,
        }


def _dataset(
    x: NDArray[np.float64],
    y: NDArray[Any],
    options: dict[str, Any],
    reference: lightgbm.Dataset | None = None,
) -> lightgbm.Dataset:
    return lightgbm.Dataset(x.astype(np.float32), y, reference=reference, params=dict(options))


def _predict(
    problem: Problem, booster: lightgbm.Booster, x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) in the target's unit, or (n, c) class probabilities."""
    found: NDArray[np.float64] = np.asarray(booster.predict(x.astype(np.float32)), np.float64)
    return np.stack([1.0 - found, found], axis=1) if problem.task == "binary" else found


def _loss(problem: Problem, prediction: NDArray[np.float64]) -> float:
    if problem.task == "regression":
        error = float(np.mean((prediction - problem.validation_y) ** 2))
        return error / float(problem.train_y.var())
    return evaluate(problem.task, problem.validation_y, prediction)["log_loss"]


def _network(problem: Problem, booster: lightgbm.Booster) -> Network:
    """The kept rounds as ``trees`` nodes, one a class where there are several."""
    forests = from_lightgbm(booster.model_to_string(num_iteration=booster.best_iteration))
    if problem.task == "multiclass":
        made = [forest.node(f"trees{code}") for code, forest in enumerate(forests)]
        joined = Node("logits", "concat", tuple(node.name for node, _ in made))
        nodes: tuple[Node, ...] = (*(node for node, _ in made), joined)
        tensors: dict[str, Array] = {k: array for _, arrays in made for k, array in arrays.items()}
        return problem.network(nodes, tensors)
    share = np.ones(1) if problem.task == "regression" else HALVES
    node, tensors = forests[0].spread(share).node("trees", INPUT)
    return problem.network((node,), tensors)


PLUGIN: type[Baseline] = LightGbm
