"""DeepSets and PointNet trained by Adam, with accuracy against seconds.

A run gets a number of CPU seconds, and its learning rate is annealed to zero over them; looking at
validation and test sets stops the clock. Settings race for a while, the winner by validation
accuracy then trains for several budgets, each with a schedule of its own.

They are the networks that jobs are compared with; poses are aligned in these sets.
"""

import math
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from app.science.baselines.networks.point_net import BATCH_SETS, PointNet, Setting, adam
from benchmarks.mimicry_result import Document
from benchmarks.point_clouds_data import CloudProblem

EVALUATED_SETS = 250
N_LOOKS, FIRST_LOOK = 8, 1 / 16


@dataclass
class Clock:
    """CPU seconds of training, without those of looking."""

    seconds: float = 0.0
    _since: float = field(default_factory=time.process_time)

    def stop(self) -> None:
        """Add what has run."""
        self.seconds += time.process_time() - self._since

    def start(self) -> None:
        """Go on."""
        self._since = time.process_time()


@dataclass(frozen=True)
class Clouds:
    """A problem as tensors, centered set by set in the unit of the fit rows, as ours."""

    fit: tuple[Tensor, Tensor]
    validation: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def clouds(problem: CloudProblem) -> Clouds:
    """Move a problem to tensors."""
    rest, test = (_centered(sets.points) for sets in (problem.rest, problem.test))
    fit, held = problem.split
    unit = float(rest[fit].std())
    labels = torch.as_tensor(problem.rest_y)
    return Clouds(
        (rest[fit] / unit, labels[fit]),
        (rest[held] / unit, labels[held]),
        (test / unit, torch.as_tensor(problem.test_y)),
    )


def _centered(points: np.ndarray[Any, Any]) -> Tensor:
    found = torch.as_tensor(points)
    return found - found.mean(1, keepdim=True)


def run(problem: CloudProblem, setting: Setting, budget_seconds: float) -> Document:
    """Train for that long; the curve holds (seconds, validation accuracy, test accuracy)."""
    data = clouds(problem)
    torch.manual_seed(problem.seed)
    model = PointNet(problem.rest.points.shape[2], problem.n_classes, setting)
    optimizer = adam(model, setting.learning_rate)
    curve: list[tuple[float, float, float]] = []
    clock, n_steps = Clock(), 0
    for pause in budget_seconds * np.geomspace(FIRST_LOOK, 1.0, N_LOOKS):
        clock.start()
        n_steps += _until(float(pause), budget_seconds, (clock, data, model, optimizer, setting))
        held, test = (_accuracy(model, *part) for part in (data.validation, data.test))
        curve.append((clock.seconds, held, test))
    best = max(curve, key=lambda point: point[1])
    return {
        "setting": setting.to_json(),
        "budget_seconds": budget_seconds,
        "validation_accuracy": best[1],
        "accuracy": best[2],
        "epochs": n_steps * BATCH_SETS / len(data.fit[0]),
        "curve": [list(point) for point in curve],
    }


def _until(
    pause: float,
    budget: float,
    training: tuple[Clock, Clouds, PointNet, torch.optim.Optimizer, Setting],
) -> int:
    """Train until the clock shows ``pause``; returns steps."""
    clock, data, model, optimizer, setting = training
    model.train()
    n_steps = 0
    while clock.seconds < pause:
        rate = setting.learning_rate * 0.5 * (1.0 + math.cos(math.pi * clock.seconds / budget))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = torch.randint(len(data.fit[0]), (BATCH_SETS,))
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(data.fit[0][batch]), data.fit[1][batch])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        n_steps += 1
        clock.stop()
        clock.start()
    return n_steps


def _accuracy(model: PointNet, points: Tensor, labels: Tensor) -> float:
    model.eval()
    with torch.inference_mode():
        scores = torch.cat([model(part) for part in torch.split(points, EVALUATED_SETS)])
    return float((scores.argmax(1) == labels).double().mean())
