"""One MLP training run: AdamW, mini-batches, cosine schedule, early stopping, a time limit.

A run is reproducible on one CPU as long as its time limit does not shorten it: initial weights
and batches come from its own generator, and no global seed is read or set.
"""

import math
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.science.baselines.baseline import Checkpoint, CurvePoint, Problem, predictions
from app.science.evaluation.metrics import headline
from app.science.relu_network.network import INPUT, Array, Network, Node

MIN_PATIENCE = 10
PREDICTION_ROWS = 65_536
CHECKPOINT_RATIO = 1.25
"""How much later than the last one a checkpoint is kept: some 35 from 0.1 s to five minutes."""

State = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Setting:
    """What tuning chooses between, and what it leaves fixed."""

    learning_rate: float
    widths: tuple[int, ...]
    batch_rows: int
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Rows:
    """A problem as float32 tensors on a device; columns and a real target are standardized."""

    problem: Problem
    train_x: Tensor
    train_y: Tensor
    validation_x: Tensor
    validation_y: Tensor
    test_x: Tensor
    x_center: NDArray[np.float64]
    x_scale: NDArray[np.float64]
    y_center: float
    y_scale: float

    def answers(self, outputs: Tensor) -> NDArray[np.float64]:
        """A network's outputs (n, c) as ``predict`` gives them."""
        return predictions(self.problem.task, outputs, self.y_center, self.y_scale)


@dataclass(frozen=True)
class Trained:
    """The best epoch of a run, by validation headline and then by validation loss.

    ``improved`` : seconds and weights at epochs that were the best so far; the last is the best.
    """

    setting: Setting
    n_epochs: int
    model: nn.Sequential
    best: CurvePoint
    curve: tuple[CurvePoint, ...]
    improved: tuple[tuple[float, State], ...]
    seconds: float

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def standardized(problem: Problem, device: str) -> Rows:
    """Move a problem to the device; center and scale come from training rows."""
    center, scale = problem.train_x.mean(axis=0), problem.train_x.std(axis=0)
    scale[scale == 0.0] = 1.0
    real = problem.task == "regression"
    y_center = float(problem.train_y.mean()) if real else 0.0
    y_scale = float(problem.train_y.std()) if real else 1.0

    def inputs(x: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor((x - center) / scale, dtype=torch.float32, device=device)

    def targets(y: NDArray[np.float64]) -> Tensor:
        dtype = torch.float32 if real else torch.int64
        return torch.as_tensor((y - y_center) / y_scale, dtype=dtype, device=device)

    return Rows(
        problem,
        inputs(problem.train_x),
        targets(problem.train_y),
        inputs(problem.validation_x),
        targets(problem.validation_y),
        inputs(problem.test_x),
        center,
        scale,
        y_center,
        y_scale,
    )


def train(rows: Rows, setting: Setting, *, n_epochs: int, max_seconds: float, seed: int) -> Trained:
    """Train once and keep the best epoch.

    The schedule ends with the last epoch. Epochs that would pass ``max_seconds`` are cut from
    the plan as soon as that shows, so that a short run is annealed too.
    """
    start, planned = time.perf_counter(), n_epochs
    generator = torch.Generator().manual_seed(seed)
    model = _mlp(rows, setting.widths, generator)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=setting.learning_rate,
        weight_decay=setting.weight_decay,
        fused=True,
    )
    patience = max(MIN_PATIENCE, n_epochs // 3)
    curve: list[CurvePoint] = []
    improved: list[tuple[float, State]] = []
    best, best_state, best_epoch = None, model.state_dict(), 0
    epoch = 0
    while epoch < n_epochs and epoch - best_epoch <= patience:
        _epoch(rows, model, optimizer, (epoch, n_epochs, setting), generator, start + max_seconds)
        epoch += 1
        loss, score = _validate(rows, model)
        elapsed = time.perf_counter() - start
        curve.append(CurvePoint(elapsed, loss, score))
        if best is None or (score, loss) < (best.headline, best.loss):
            best, best_epoch = curve[-1], epoch
            best_state = {name: value.clone() for name, value in model.state_dict().items()}
            if not improved or elapsed >= CHECKPOINT_RATIO * improved[-1][0]:
                improved.append((elapsed, best_state))
        n_epochs = min(n_epochs, max(epoch, int(max_seconds / (elapsed / epoch))))
    if best is not None and improved[-1][0] < best.seconds:
        improved.append((best.seconds, best_state))
    model.load_state_dict(best_state)
    seconds = time.perf_counter() - start
    return Trained(
        setting, planned, model, best or curve[-1], tuple(curve), tuple(improved), seconds
    )


def checkpoints(rows: Rows, run: Trained) -> tuple[Checkpoint, ...]:
    """Test predictions of a run at the moments that it kept; the model ends as it was."""
    final = {name: value.clone() for name, value in run.model.state_dict().items()}
    found = []
    for seconds, state in run.improved:
        run.model.load_state_dict(state)
        found.append(Checkpoint(seconds, predict(rows, run.model, rows.test_x)))
    run.model.load_state_dict(final)
    return tuple(found)


def as_network(rows: Rows, model: nn.Sequential) -> Network:
    """The model over encoded rows in the target's unit; both scalings move into its layers."""
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    weights = [layer.weight.detach().cpu().double().numpy() for layer in linear]
    biases = [layer.bias.detach().cpu().double().numpy() for layer in linear]
    weights[0] = weights[0] / rows.x_scale
    biases[0] = biases[0] - weights[0] @ rows.x_center
    weights[-1] = weights[-1] * rows.y_scale
    biases[-1] = biases[-1] * rows.y_scale + rows.y_center
    nodes: list[Node] = []
    tensors: dict[str, Array] = {}
    for index, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        affine = Node(f"affine{index}", "affine", (nodes[-1].name if nodes else INPUT,))
        tensors[affine.tensor("weight")] = weight.astype(np.float32)
        tensors[affine.tensor("bias")] = bias.astype(np.float32)
        nodes += [affine, Node(f"relu{index}", "relu", (affine.name,))]
    nodes.pop()
    return rows.problem.network(tuple(nodes), tensors)


def predict(rows: Rows, model: nn.Module, x: Tensor) -> NDArray[np.float64]:
    """(n,) in the target's unit, or (n, c) class probabilities."""
    with torch.no_grad():
        outputs = torch.cat([model(block) for block in torch.split(x, PREDICTION_ROWS)])
    return rows.answers(outputs)


def _mlp(rows: Rows, widths: tuple[int, ...], generator: torch.Generator) -> nn.Sequential:
    """ReLU layers with PyTorch's default initial law, drawn from ``generator``."""
    sizes = (rows.train_x.shape[1], *widths, rows.problem.n_outputs)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layer = nn.Linear(fan_in, fan_out, device="meta").to_empty(device="cpu")
        bound = 1.0 / math.sqrt(fan_in)
        for parameter in layer.parameters():
            nn.init.uniform_(parameter, -bound, bound, generator=generator)
        layers += [layer, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).to(rows.train_x.device)


def _epoch(
    rows: Rows,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    plan: tuple[int, int, Setting],
    generator: torch.Generator,
    deadline: float,
) -> None:
    epoch, n_epochs, setting = plan
    n_rows = len(rows.train_x)
    order = torch.randperm(n_rows, generator=generator).to(rows.train_x.device)
    for first in range(0, n_rows, setting.batch_rows):
        progress = (epoch + first / n_rows) / n_epochs
        for group in optimizer.param_groups:
            group["lr"] = setting.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))
        batch = order[first : first + setting.batch_rows]
        optimizer.zero_grad(set_to_none=True)
        _loss(model(rows.train_x[batch]), rows.train_y[batch]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if time.perf_counter() > deadline:
            return


def _loss(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        return nn.functional.mse_loss(outputs[:, 0], targets)
    return nn.functional.cross_entropy(outputs, targets)


def _validate(rows: Rows, model: nn.Module) -> tuple[float, float]:
    with torch.no_grad():
        outputs = model(rows.validation_x)
        loss = float(_loss(outputs, rows.validation_y))
    problem = rows.problem
    score = headline(
        problem.task, problem.validation_y, rows.answers(outputs), problem.class_weights
    )
    finite = math.isfinite(loss) and math.isfinite(score)
    return (loss, score) if finite else (math.inf, math.inf)  # NaN would compare as neither
