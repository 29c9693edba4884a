"""The network that ours is compared with: a small CNN by SGD, with its accuracy over seconds.

It is the one that jobs are compared with. Schedules of several lengths are trained with a one-cycle
rate, since a short annealed run is better at its end than a long run is on its way; the rate is
chosen on the shortest.

Source: Smith and Topin 2019, arXiv:1708.07120 (one cycle).
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from app.science.baselines.networks import cnn
from app.science.mimicry import target
from benchmarks.images_data import ImageSet
from benchmarks.mimicry_result import Document

PREDICTION_ROWS = 256
CURVE_POINTS = 8
NETWORKS = ((16, False), (32, False), (32, True))
"""Width of the first block, and whether blocks are residual."""
RATES = (0.05, 0.2)
MEDIUM, LARGE = 2_000, 20_000
MOST_TIMES_OURS = 6.0
"""Longer runs decide no bar, but for small sets, where all converge."""
Point = tuple[float, float]
"""Seconds of training so far, and an accuracy."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One network and schedule; rate : the highest of the cycle, at 128 images a step."""

    width: int
    residual: bool
    rate: float
    n_epochs: int
    batch_rows: int = 128

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, with what all settings share."""
        shared = {
            "momentum": cnn.MOMENTUM,
            "weight_decay": cnn.WEIGHT_DECAY,
            "smoothing": cnn.SMOOTHING,
            "padding": cnn.PADDING,
        }
        return asdict(self) | shared


@dataclass(frozen=True)
class Run:
    """A finished run: validation chooses between settings, the test accuracies are reported.

    curve : seconds and test accuracy on the way; the time of measuring is left out
    """

    setting: Setting
    validation: float
    test: float
    seconds: float
    curve: tuple[Point, ...]
    n_parameters: int


def short_runs(*, quick: bool, n_rows: int) -> list[Setting]:
    """Every network and rate on the shortest schedule."""
    if quick:
        return [Setting(16, residual=False, rate=0.1, n_epochs=3)]
    return [
        Setting(width, residual, rate, _epochs(n_rows)[0], 128 if n_rows > MEDIUM else 32)
        for width, residual in NETWORKS
        for rate in RATES
    ]


def long_runs(done: Sequence[Document], n_rows: int, our_seconds: float) -> list[Setting]:
    """The better rate of each network on the longer schedules; ``done`` : the short runs."""
    found: list[Setting] = []
    most = MOST_TIMES_OURS * our_seconds if n_rows > MEDIUM else math.inf
    for network in NETWORKS:
        own = [r for r in done if (r["setting"]["width"], r["setting"]["residual"]) == network]
        if own:
            best = max(own, key=lambda run: float(run["validation"]))
            setting = Setting(**best["setting"])
            seconds_an_epoch = best["seconds"] / setting.n_epochs
            found += [
                replace(setting, n_epochs=epochs)
                for epochs in _epochs(n_rows)[1:]
                if epochs * seconds_an_epoch <= most
            ]
    return found


def _epochs(n_rows: int) -> tuple[int, ...]:
    """A small set takes more epochs for the same number of steps."""
    return (2, 6, 10, 16) if n_rows > LARGE else (6, 20, 60) if n_rows > MEDIUM else (20, 60, 150)


def train(problem: ImageSet, setting: Setting, seed: int = 0) -> Run:
    """One run on the training rows but those held out, the same ones as ours holds out."""
    torch.manual_seed(seed)
    wanted = target.make(problem.train_codes, "multiclass", problem.classes)
    fit, held = target.holdout(wanted, seed)
    images, codes = _maps(problem.train), torch.from_numpy(problem.train_codes)
    center, scale = images[fit].mean((0, 2, 3), keepdim=True), images[fit].std((0, 2, 3))
    images = ((images - center) / scale[:, None, None]).to(memory_format=torch.channels_last)
    test = (_maps(problem.test) - center) / scale[:, None, None]
    model = cnn.network(
        images.shape[1], setting.width, len(problem.classes), residual=setting.residual
    )
    steps = _Steps(model, setting, len(fit))
    rng = np.random.default_rng([seed, setting.n_epochs])
    seconds, curve = 0.0, []
    marks = set(np.linspace(0, steps.total, CURVE_POINTS + 1).astype(int)[1:].tolist())
    for done, rows in enumerate(_batches(fit, setting, rng), start=1):
        start = time.perf_counter()
        part = torch.from_numpy(rows)
        steps.take(cnn.varied(images[part], rng, mirrored=problem.mirrored), codes[part])
        seconds += time.perf_counter() - start
        if done in marks:
            curve.append((seconds, _accuracy(model, test, problem.test_codes)))
    return Run(
        setting,
        validation=_accuracy(model, images[held], problem.train_codes[held]),
        test=curve[-1][1],
        seconds=seconds,
        curve=tuple(curve),
        n_parameters=sum(parameter.numel() for parameter in model.parameters()),
    )


class _Steps:
    """Nesterov steps on a one-cycle schedule."""

    def __init__(self, model: nn.Module, setting: Setting, n_rows: int) -> None:
        self.model = model
        self.total = setting.n_epochs * max(1, n_rows // setting.batch_rows)
        rate = setting.rate * setting.batch_rows / 128
        self.optimizer = cnn.nesterov(model, rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rate, total_steps=self.total + 1, pct_start=0.25, cycle_momentum=False
        )

    def take(self, images: Tensor, codes: Tensor) -> None:
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(self.model(images), codes, label_smoothing=cnn.SMOOTHING)
        torch.autograd.backward(loss)
        self.optimizer.step()
        self.schedule.step()


def _maps(images: np.ndarray) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float()


def _batches(rows: np.ndarray, setting: Setting, rng: np.random.Generator) -> Iterator[np.ndarray]:
    for _ in range(setting.n_epochs):
        order = rng.permutation(rows)
        for index in range(max(1, len(rows) // setting.batch_rows)):
            yield order[index * setting.batch_rows : (index + 1) * setting.batch_rows]


@torch.no_grad()
def _accuracy(model: nn.Module, images: Tensor, codes: np.ndarray) -> float:
    model.eval()
    found = [model(part).argmax(1) for part in torch.split(images, PREDICTION_ROWS)]
    return float((torch.cat(found).numpy() == codes).mean())
