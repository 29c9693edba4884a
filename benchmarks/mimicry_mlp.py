"""The MLP that ours is compared with: AdamW, cosine schedule, early stopping on validation loss.

The library's own baseline chooses by the headline metric; here the best epoch is the one of least
validation loss, since losses are what is compared. The trained model becomes a ``Network``, so that
it is exported and served by the same code as ours.

Source: Kingma and Ba 2015, arXiv:1412.6980; Loshchilov and Hutter 2017, arXiv:1608.03983 (cosine).
"""

import math
import time
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from app.science.baselines.training import Rows, standardized
from app.science.relu_network.evaluate import predict
from app.science.relu_network.network import INPUT, Array, Network, Node
from benchmarks.mimicry_result import Cache, Curve, Document, Outcome, document, say
from benchmarks.mimicry_tables import BenchmarkProblem, Floats

PATIENCE_SHARE, MIN_PATIENCE = 0.2, 10
MIN_BATCH_ROWS, MAX_BATCH_ROWS, BATCHES_PER_EPOCH = 32, 256, 32
WEIGHT_DECAY = 0.01


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of the grid; the learning rate is annealed to zero over ``n_epochs``."""

    width: int
    depth: int
    learning_rate: float
    n_epochs: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, with what all settings share."""
        shared = {"patience_share": PATIENCE_SHARE, "weight_decay": WEIGHT_DECAY}
        return asdict(self) | shared | {"batches": [MIN_BATCH_ROWS, MAX_BATCH_ROWS]}


SHORT, LONG, FINALISTS = 30, 150, 2
GRID = tuple(
    Setting(width, depth, rate, SHORT)
    for width in (256, 512)
    for depth in (2, 3)
    for rate in (1e-3, 3e-3)
)
"""Every setting trains for a short annealed schedule, the best ``FINALISTS`` for a long one too."""
LADDER = tuple(Setting(width, 2, rate, LONG) for width in (16, 32, 64) for rate in (1e-3, 3e-3))
"""Smaller models, for the size that reaches an error."""

Run = tuple[Setting, Document]


def select(problem: BenchmarkProblem, cache: Cache) -> Setting:
    """The setting of least validation loss."""
    return min(grid_runs(problem, cache), key=_validation)[0]


def grid_runs(problem: BenchmarkProblem, cache: Cache) -> list[Run]:
    """Results of the grid and of the finalists' long schedules."""
    short = [(setting, untimed_run(problem, setting, cache)) for setting in GRID]
    finalists = [setting for setting, _ in sorted(short, key=_validation)[:FINALISTS]]
    long = [replace(setting, n_epochs=LONG) for setting in finalists]
    return short + [(setting, untimed_run(problem, setting, cache)) for setting in long]


def ladder_runs(problem: BenchmarkProblem, cache: Cache) -> list[Run]:
    """Results of the small models."""
    return [(setting, untimed_run(problem, setting, cache)) for setting in LADDER]


def untimed_run(problem: BenchmarkProblem, setting: Setting, cache: Cache) -> Document:
    """A setting's result without its times, from the cache where it is there."""
    path = cache.path(problem, "adam_mlp_grid", setting.to_json())
    found = cache.read(path)
    if found is None:
        found = document(problem, run(problem, setting)) | {"timed": False, "curve": []}
        cache.write(path, found)
        say(f"{problem.name} {setting}: validation {found['validation_loss']:.5g}")
    return found


def _validation(run: Run) -> float:
    return float(run[1]["validation_loss"])


def run(problem: BenchmarkProblem, setting: Setting) -> Outcome:
    """Train once with the problem's seed and keep the best epoch."""
    start = time.perf_counter()
    rows = standardized(problem.baseline(), "cpu")
    generator = torch.Generator().manual_seed(problem.seed)
    model = _initial(rows, setting, generator)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=setting.learning_rate, weight_decay=WEIGHT_DECAY, fused=True
    )
    patience = max(MIN_PATIENCE, round(PATIENCE_SHARE * setting.n_epochs))
    to_unit = rows.y_scale / problem.unit
    curve: list[tuple[float, float]] = []
    best, best_epoch, best_state = math.inf, 0, model.state_dict()
    for epoch in range(setting.n_epochs):
        _epoch(rows, model, optimizer, (epoch, setting), generator)
        loss = _validation_loss(rows, model, to_unit)
        curve.append((time.perf_counter() - start, loss))
        if loss < best:
            best, best_epoch = loss, epoch
            best_state = {name: value.clone() for name, value in model.state_dict().items()}
        elif epoch - best_epoch >= patience:
            break
    model.load_state_dict(best_state)
    seconds = time.perf_counter() - start
    network = as_network(problem, rows, model)
    return Outcome(
        prediction=predict(network, problem.test_x),
        validation_loss=best,
        seconds=seconds,
        settings=setting.to_json() | {"best_epoch": best_epoch + 1, "epochs": len(curve)},
        n_parameters=network.n_parameters,
        curve=tuple(curve),
        network=network,
    )


def batch_rows(n_rows: int) -> int:
    """A power of two, about 32 batches an epoch where that is 32 to 256 rows a batch."""
    wanted: int = 1 << round(math.log2(max(1, n_rows / BATCHES_PER_EPOCH)))
    return min(max(wanted, MIN_BATCH_ROWS), MAX_BATCH_ROWS)


def curve_best(curve: Curve) -> float:
    """Least validation loss of a curve."""
    return min(loss for _, loss in curve)


def _initial(rows: Rows, setting: Setting, generator: torch.Generator) -> nn.Sequential:
    """ReLU layers with PyTorch's default initial law, drawn from ``generator``."""
    hidden = (setting.width,) * setting.depth
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise((rows.train_x.shape[1], *hidden, rows.problem.n_outputs)):
        layer = nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -(fan_in**-0.5), fan_in**-0.5, generator=generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _epoch(
    rows: Rows,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: tuple[int, Setting],
    generator: torch.Generator,
) -> None:
    epoch, setting = plan
    n_rows = len(rows.train_x)
    step = batch_rows(n_rows)
    order = torch.randperm(n_rows, generator=generator)
    for first in range(0, n_rows, step):
        progress = (epoch + first / n_rows) / setting.n_epochs
        for group in optimizer.param_groups:
            group["lr"] = setting.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
        batch = order[first : first + step]
        optimizer.zero_grad(set_to_none=True)
        _loss(model(rows.train_x[batch]), rows.train_y[batch]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        return nn.functional.mse_loss(outputs[:, 0], targets)
    return nn.functional.cross_entropy(outputs, targets)


def _validation_loss(rows: Rows, model: nn.Module, to_unit: float) -> float:
    with torch.no_grad():
        loss = float(_loss(model(rows.validation_x), rows.validation_y))
    if not math.isfinite(loss):
        return math.inf  # NaN would compare as neither
    return math.sqrt(loss) * to_unit if rows.problem.task == "regression" else loss


def as_network(problem: BenchmarkProblem, rows: Rows, model: nn.Sequential) -> Network:
    """The model over encoded rows in the target's unit; both scalings move into its layers."""
    center, scale = _scaling(rows)
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    weights = [layer.weight.detach().double().numpy() for layer in linear]
    biases = [layer.bias.detach().double().numpy() for layer in linear]
    weights[0] = weights[0] / scale
    biases[0] = biases[0] - weights[0] @ center
    weights[-1] = weights[-1] * rows.y_scale
    biases[-1] = biases[-1] * rows.y_scale + rows.y_center
    nodes: list[Node] = []
    tensors: dict[str, Array] = {}
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        below = nodes[-1].name if nodes else INPUT
        affine = Node(f"affine{index}", "affine", (below,))
        tensors[affine.tensor("weight")] = weight.astype(np.float32)
        tensors[affine.tensor("bias")] = bias.astype(np.float32)
        nodes += [affine, Node(f"relu{index}", "relu", (affine.name,))]
    nodes.pop()
    return Network(
        problem.task,
        problem.rest_x.shape[1],
        nodes[-1].name,
        problem.classes,
        tuple(nodes),
        tensors,
    )


def _scaling(rows: Rows) -> tuple[Floats, Floats]:
    """Center and scale (p,) that ``standardized`` used."""
    x = rows.problem.train_x
    scale = x.std(axis=0)
    scale[scale == 0.0] = 1.0
    return x.mean(axis=0), scale
