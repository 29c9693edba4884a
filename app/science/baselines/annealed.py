"""One training run of any network on media: a one-cycle rate, early stopping, a time limit.

The cycle is over when the planned steps are done or the seconds have passed, whichever shows first,
so that a run that its time cuts short is annealed too.

Source: Smith and Topin 2019, arXiv:1708.07120 (one cycle, here without one of the momentum).
"""

import itertools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from app.science.baselines.baseline import Checkpoint, CurvePoint, predictions
from app.science.baselines.media import Candidate, Family, Inputs, MediaProblem, Rows
from app.science.evaluation.metrics import headline

WARM_UP, START, END = 0.25, 1 / 25, 1e-4
"""Share of the cycle in which the rate rises, and what it starts and ends with, of the highest."""
PATIENCE = 0.5
"""Share of the cycle without a better look, after which a run ends: its middle is noisy."""
FIRST_LOOK, LOOK_RATIO, LOOK_STEP = 1 / 64, 1.5, 1 / 16
LOOK_SHARE = 0.1
"""Of the time, for looks on the way of a run that will not do all its steps."""
MOST_VALIDATION = 3_000
PREDICTED_ROWS = 256
MOST_GRADIENT = 1.0
"""Longer ones are cut to this norm: squared errors of a young network can throw it far off."""

Ended = Literal["planned", "early", "time"]
Tell = Callable[[float, str], None]
State = dict[str, Tensor]


@dataclass(frozen=True)
class Data:
    """A problem on a device: how a batch is read, and targets as the loss wants them.

    ``targets`` : (n,) standardized values or class codes; ``validation`` : rows that are looked at
    """

    problem: MediaProblem
    family: Family
    read: Callable[[Inputs], Tensor]
    targets: Tensor
    center: float
    scale: float
    validation: Rows
    device: str

    def batch(self, rows: Rows) -> Tensor:
        """Gathered from the file."""
        return self.read(self.problem.inputs[rows]).to(self.device)

    def answers(self, outputs: Tensor) -> NDArray[np.float64]:
        """A network's outputs (n, c) as ``predict`` gives them."""
        return predictions(self.problem.task, outputs, self.center, self.scale)


@dataclass(frozen=True)
class Cycle:
    """How long a run may take; ``first_look`` : share of it, and 1 looks at its end only.

    ``max_seconds`` is kept to within a step and a look.
    """

    n_steps: int
    max_seconds: float
    first_look: float = FIRST_LOOK

    def progress(self, n_steps: int, seconds: float) -> float:
        """Share of the cycle that is over."""
        return min(1.0, max(n_steps / self.n_steps, seconds / self.max_seconds))

    def in_time(self, n_steps: int, seconds: float) -> bool:
        """Whether all steps will be done: then the clock decides nothing, and a run repeats."""
        return n_steps / self.n_steps >= seconds / self.max_seconds


@dataclass(frozen=True)
class Run:
    """The best look of a run, by validation headline and then by validation loss.

    ``improved`` : seconds and weights at looks that were the best so far; the last is the best
    """

    candidate: Candidate
    model: nn.Module
    curve: tuple[CurvePoint, ...]
    improved: tuple[tuple[float, State], ...]
    best: CurvePoint
    n_steps: int
    seconds: float
    ended: Ended


def prepared(problem: MediaProblem, family: Family, *, seed: int, device: str) -> Data:
    """Standardize by training rows, and draw the validation rows that are looked at."""
    real = problem.task == "regression"
    center = float(problem.y[problem.train].mean()) if real else 0.0
    scale = float(problem.y[problem.train].std()) if real else 1.0
    dtype = torch.float32 if real else torch.int64
    order = np.random.default_rng([seed, 61]).permutation(problem.validation)
    return Data(
        problem,
        family,
        family.reader(problem),
        torch.as_tensor((problem.y - center) / (scale or 1.0)).to(device, dtype),
        center,
        scale or 1.0,
        np.sort(order[:MOST_VALIDATION]),
        device,
    )


@dataclass
class _Looks:
    """Looks at validation rows, at ever later parts of the cycle."""

    data: Data
    model: nn.Module
    start: float
    due: float
    best_at: float = 0.0
    seconds: float = 0.0
    curve: list[CurvePoint] = field(default_factory=list)
    improved: list[tuple[float, State]] = field(default_factory=list)
    best: CurvePoint = field(default_factory=lambda: CurvePoint(0.0, math.inf, math.inf))

    def wanted(self, progress: float, most_seconds: float) -> bool:
        return progress >= self.due and self.seconds <= most_seconds

    def take(self, progress: float) -> None:
        begun = time.perf_counter()
        loss, score = _validate(self.data, self.model)
        now = time.perf_counter()
        point = CurvePoint(now - self.start, loss, score)
        self.curve.append(point)
        if (score, loss) < (self.best.headline, self.best.loss):
            self.best, self.best_at = point, progress
            state = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}
            self.improved.append((point.seconds, state))
        self.due = min(max(FIRST_LOOK, LOOK_RATIO * progress), progress + LOOK_STEP)
        self.seconds += now - begun


def train(
    data: Data,
    candidate: Candidate,
    cycle: Cycle,
    *,
    seed: int,
    tell: Tell = lambda _fraction, _note: None,
) -> Run:
    """Train once and keep the best look; ``tell`` hears at every look how far the run is."""
    start = time.perf_counter()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = candidate.make().to(data.device)
        optimizer = candidate.optimizer(model)
        rng = np.random.default_rng([seed, 67])
        looks = _Looks(data, model, start, cycle.first_look)
        batches = _batches(data.problem.train, candidate.batch_rows, rng)
        for done in itertools.count():
            elapsed = time.perf_counter() - start
            progress = cycle.progress(done, elapsed)
            share = 1.0 if cycle.in_time(done, elapsed) else LOOK_SHARE
            if progress == 1.0 or looks.wanted(progress, share * elapsed):
                looks.take(progress)
                tell(progress, "")
                if progress == 1.0 or progress - looks.best_at > PATIENCE:
                    break
            for group in optimizer.param_groups:
                group["lr"] = candidate.rate * one_cycle(progress)
            _step(data, candidate, model, optimizer, next(batches), rng)
    model.load_state_dict(looks.improved[-1][1])
    ended: Ended = "planned" if done >= cycle.n_steps else "time" if progress == 1.0 else "early"
    return Run(
        candidate,
        model,
        tuple(looks.curve),
        tuple(looks.improved),
        looks.best,
        done,
        time.perf_counter() - start,
        ended,
    )


def one_cycle(progress: float) -> float:
    """Share of the highest rate: up a cosine for a quarter of the cycle, then down to nearly 0.

    >>> [round(one_cycle(progress), 3) for progress in (0.0, 0.25, 0.625, 1.0)]
    [0.04, 1.0, 0.5, 0.0]
    """
    if progress < WARM_UP:
        return START + (1.0 - START) * 0.5 * (1.0 - math.cos(math.pi * progress / WARM_UP))
    left = (progress - WARM_UP) / (1.0 - WARM_UP)
    return END + (1.0 - END) * 0.5 * (1.0 + math.cos(math.pi * left))


def earlier(data: Data, run: Run) -> tuple[Checkpoint, ...]:
    """Test predictions at the looks kept before the best one, late ones first.

    They may take as long as the run did. The model ends with other weights.
    """
    deadline = time.perf_counter() + run.seconds
    found: list[Checkpoint] = []
    for seconds, state in reversed(run.improved[:-1]):
        if time.perf_counter() > deadline:
            break
        run.model.load_state_dict(state)
        found.append(Checkpoint(seconds, predict(data, run.model, data.problem.test)))
    return tuple(reversed(found))


def predict(data: Data, model: nn.Module, inputs: Inputs) -> NDArray[np.float64]:
    """(n,) in the target's unit, or (n, c) class probabilities."""
    parts = (inputs[i : i + PREDICTED_ROWS] for i in range(0, len(inputs), PREDICTED_ROWS))
    return data.answers(_outputs(model, (data.read(part).to(data.device) for part in parts)))


def _batches(rows: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Whole batches of rows in random order, for ever; all rows where there are fewer."""
    while True:
        order = rng.permutation(rows)
        for index in range(max(1, len(rows) // size)):
            yield order[index * size : (index + 1) * size]


def _step(
    data: Data,
    candidate: Candidate,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    rows: Rows,
    rng: np.random.Generator,
) -> None:
    model.train()
    batch = data.family.varied(data.batch(rows), data.problem, rng)
    targets = data.targets[torch.from_numpy(rows).to(data.device)]
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(_loss(model(batch), targets, candidate.smoothing))
    nn.utils.clip_grad_norm_(model.parameters(), MOST_GRADIENT)
    optimizer.step()


def _loss(outputs: Tensor, targets: Tensor, smoothing: float = 0.0) -> Tensor:
    if targets.is_floating_point():
        return functional.mse_loss(outputs[:, 0], targets)
    return functional.cross_entropy(outputs, targets, label_smoothing=smoothing)


@torch.no_grad()
def _outputs(model: nn.Module, batches: Iterator[Tensor]) -> Tensor:
    """(n, c). A network that has diverged says nothing: the mean, or all classes alike."""
    model.eval()
    return torch.cat([model(batch) for batch in batches]).nan_to_num(0.0, 0.0, 0.0).double()


def _validate(data: Data, model: nn.Module) -> tuple[float, float]:
    rows = data.validation
    parts = (rows[i : i + PREDICTED_ROWS] for i in range(0, len(rows), PREDICTED_ROWS))
    outputs = _outputs(model, (data.batch(part) for part in parts))
    targets = data.targets[torch.from_numpy(rows).to(data.device)]
    loss = float(_loss(outputs, targets.double() if targets.is_floating_point() else targets))
    y: NDArray[Any] = data.problem.y[rows]
    return loss, headline(data.problem.task, y, data.answers(outputs))
