"""A few guarded steps of gradient descent on a finished network; never part of the default.

All affine maps move, the polygons stay. The result is kept only if it is better on held-out rows
by one standard error and lies in no sharper place: its adaptive sharpness may at most double.
No bound to the teacher survives it.

Source: Kingma and Ba 2015, arXiv:1412.6980 (Adam). Differs from the paper: steps are in units of
each map's root mean square, so that no unit of the target or of a column matters.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from app.science.linalg import Floats
from app.science.mimicry.target import Ints, Target
from app.science.relu_network.evaluate import load, predict_raw
from app.science.relu_network.network import Network
from app.science.structure.loss_surface.neighborhood import adaptive_sharpness
from app.science.structure.loss_surface.sample import LossSample
from app.science.structure.loss_surface.surface import RelativeSurface

EPOCHS = 10
BATCH_ROWS = 256
LEARNING_RATE = 1e-3
RHO = 0.05
MAX_SHARPER = 2.0
SHARPNESS_ROWS = 2000
NO_BOUND = "the network was fine-tuned by gradient descent, which carries no bound to the teacher"

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class FineTuneReport:
    """Before and after; losses as ``Target.losses``, on held-out rows.

    sharpness : rise of the fit rows' loss after the adaptive perturbation of size ``RHO``
    """

    accepted: bool
    reason: str
    epochs: int
    seconds: float
    loss_before: float
    loss_after: float
    standard_error: float
    sharpness_before: float
    sharpness_after: float
    certified_sup: None = None
    certified_sup_reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class TuningData:
    """Rows of a fit: X (n, p), encoded; fit, held : row numbers, the second only judge."""

    X: Floats
    target: Target
    fit: Ints
    held: Ints


def fine_tune(
    network: Network, data: TuningData, *, seconds: float, seed: int
) -> tuple[Network, FineTuneReport]:
    """The tuned network, or the one given where the guards refuse it.

    Parameters
    ----------
    seconds : wall-clock limit; no epoch starts after it, and one that passes it is cut short
    """
    started = time.perf_counter()
    before = _losses(network, data)
    best, epochs = _trained(network, data, seconds, seed)
    after = _losses(best, data)
    gain = before - after
    report = FineTuneReport(
        accepted=False,
        reason="",
        epochs=epochs,
        seconds=time.perf_counter() - started,
        loss_before=float(before.mean()),
        loss_after=float(after.mean()),
        standard_error=float(gain.std() / np.sqrt(len(gain))),
        sharpness_before=sharpness(network, data),
        sharpness_after=sharpness(best, data),
    )
    reason = _refusal(report)
    if reason:
        return network, replace(report, reason=reason)
    kept = "better on held-out rows by one standard error, and no sharper than allowed"
    return best, replace(report, accepted=True, reason=kept, certified_sup_reason=NO_BOUND)


def _refusal(report: FineTuneReport) -> str:
    if not report.loss_before - report.loss_after > report.standard_error:
        return "the held-out loss did not fall by one standard error"
    if not report.sharpness_after <= MAX_SHARPER * report.sharpness_before:
        return f"the sharpness grew more than {MAX_SHARPER:g} times"
    return ""


def _losses(network: Network, data: TuningData) -> Floats:
    output = predict_raw(network, data.X[data.held], dtype=torch.float64)
    return data.target.losses((output - data.target.center) / data.target.scale, data.held)


def _trained(network: Network, data: TuningData, seconds: float, seed: int) -> tuple[Network, int]:
    """The epoch of least held-out loss, and how many epochs ran."""
    weights = _Weights.of(network)
    optimizer = torch.optim.Adam(weights.moves.values(), lr=LEARNING_RATE)
    rng = np.random.default_rng([seed, 23])
    deadline = time.perf_counter() + seconds
    best, least, epoch = network, float(_losses(network, data).mean()), 0
    while epoch < EPOCHS and time.perf_counter() < deadline:
        order = rng.permutation(data.fit)
        for start in range(0, len(order), BATCH_ROWS):
            if time.perf_counter() > deadline:
                break
            optimizer.zero_grad()
            _loss(network, weights.tensors(), data, order[start : start + BATCH_ROWS]).backward()  # type: ignore[no-untyped-call]  # torch
            optimizer.step()
        epoch += 1
        tuned = weights.network(network)
        loss = float(_losses(tuned, data).mean())
        if loss < least:
            best, least = tuned, loss
    return best, epoch


@dataclass(frozen=True)
class _Weights:
    """Every affine tensor as start + unit * move, the unit its weight's root mean square."""

    fixed: Mapping[str, torch.Tensor]
    units: Mapping[str, float]
    moves: Tensors

    @classmethod
    def of(cls, network: Network) -> "_Weights":
        fixed = load(network, dtype=torch.float64, device="cpu")
        units: dict[str, float] = {}
        for node in network.nodes:
            if node.op == "affine":
                unit = float(fixed[node.tensor("weight")].square().mean().sqrt()) or 1.0
                units |= {node.tensor("weight"): unit, node.tensor("bias"): unit}
        moves = {name: torch.zeros_like(fixed[name], requires_grad=True) for name in units}
        return cls(fixed, units, moves)

    def tensors(self) -> Tensors:
        """The tensors as they are now, differentiable in the moves."""
        moved = {n: self.fixed[n] + self.units[n] * move for n, move in self.moves.items()}
        return {**self.fixed, **moved}

    def network(self, network: Network) -> Network:
        """A network with them, in the types of the one given."""
        with torch.no_grad():
            moved = {name: self.tensors()[name].numpy() for name in self.moves}
        types = {name: np.asarray(tensor).dtype for name, tensor in network.tensors.items()}
        arrays = {name: value.astype(types[name]) for name, value in moved.items()}
        return replace(network, tensors={**network.tensors, **arrays})


def _loss(
    network: Network, tensors: Mapping[str, torch.Tensor], data: TuningData, rows: Ints
) -> torch.Tensor:
    """Mean squared error in units of the variance, or cross-entropy, differentiable."""
    return _sample(data, rows).loss(network, tensors)


def _sample(data: TuningData, rows: Ints) -> LossSample:
    return LossSample(data.X[rows], data.target.raw[rows], data.target.scale)


def sharpness(network: Network, data: TuningData) -> float:
    """Adaptive sharpness at ``RHO`` on the first fit rows."""
    surface = RelativeSurface(network, _sample(data, data.fit[:SHARPNESS_ROWS]))
    return adaptive_sharpness(surface, [RHO])[RHO]
