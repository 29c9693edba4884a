"""What the loss surface looks like around a network, and around another one beside it.

All numbers are taken in relative changes of the weights, so that none of them moves when a ReLU
network is rescaled without changing its function. They compare states of one network well; across
architectures flatness and test error are related weakly and not always in one direction.

Source: Imaizumi and Schmidt-Hieber 2022, doi:10.1109/TIT.2022.3215088 (generalization around
minima where gradient descent stays); Andriushchenko et al. 2023, arXiv:2302.07011 (no ranking by
sharpness). Differs from the first: its bounds' constants are not computable, so the quantities
they are made of are reported.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network
from app.science.structure.loss_surface.curvature import (
    Trace,
    hutchinson_trace,
    largest_eigenvalue,
)
from app.science.structure.loss_surface.head import HeadSpectrum, head_spectrum
from app.science.structure.loss_surface.lipschitz import lipschitz_bound, spectral_norms
from app.science.structure.loss_surface.neighborhood import (
    adaptive_sharpness,
    basin_radius,
)
from app.science.structure.loss_surface.sample import affordable_rows, loss_sample
from app.science.structure.loss_surface.surface import RelativeSurface

FORMAT = "adaptnet-loss-surface/1"
CAUTION = (
    "Flatness compares states of one network. Between architectures it says how carefully weights "
    "must be stored and moved, not which network errs less on new rows. A copied kernel expansion "
    "is a sum of large terms that cancel, so it is sharp whatever its error; nothing moves it."
)


@dataclass(frozen=True)
class LossSurface:
    """The neighborhood of one network, on ``n_rows`` rows.

    loss : squared error in units of the target's variance, or nats; n_weights : weights that were
    changed; n_fixed : the network's other numbers: biases, polygons, trees; has_trees : whether
    trees are among them; output_scale : standard deviation of the output in the target's unit;
    trace, largest_eigenvalue : of the Hessian in relative changes; sharpness : by rho
    """

    n_rows: int
    n_weights: int
    n_fixed: int
    has_trees: bool
    loss: float
    spectral_norms: Mapping[str, float]
    lipschitz_bound: float
    output_scale: float
    trace: Trace
    largest_eigenvalue: float
    head: HeadSpectrum
    sharpness: Mapping[float, float]
    basin_radius: float

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before reading the numbers."""
        moved = "Weights of affine maps are changed, in proportion to themselves; biases are not."
        trees = (
            "Trees are constant between their steps: their numbers have no slope and are left out."
        )
        return (moved, trees) if self.has_trees else (moved,)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "n_rows": self.n_rows,
            "n_weights": self.n_weights,
            "n_fixed": self.n_fixed,
            "loss": self.loss,
            "spectral_norms": dict(self.spectral_norms),
            "lipschitz_bound": self.lipschitz_bound,
            "output_scale": self.output_scale,
            "trace": {"value": self.trace.value, "standard_error": self.trace.standard_error},
            "largest_eigenvalue": self.largest_eigenvalue,
            "head": _head_json(self.head),
            "sharpness": {f"{rho:g}": rise for rho, rise in self.sharpness.items()},
            "basin_radius": self.basin_radius,
            "notes": list(self.notes),
        }


def measure(
    network: Network, X: Floats, y: NDArray[Any], *, unit: float = 1.0, seed: int = 0
) -> LossSurface:
    """Look around a network.

    Parameters
    ----------
    X : (n, p), encoded rows, those it was fitted to; at most 2,000 of them are used, and fewer
        where the network is wide
    y : (n,), numbers in the target's unit, or class numbers
    unit : standard deviation of a regression target, 1 for classes

    Raises
    ------
    TooFewRows
        There are fewer than 20 rows.
    InvalidNetwork
        No affine map leads to the output.
    """
    rng = np.random.default_rng([seed, 53])
    rows = loss_sample(X, y, unit=unit, seed=seed)
    sample = rows.first(affordable_rows(network))
    surface = RelativeSurface(network, sample)
    norms = spectral_norms(network)
    product = surface.hessian()
    trace = hutchinson_trace(product, surface.size, rng=rng)
    top = largest_eigenvalue(product, surface.size, rng=rng)
    output = predict_raw(network, sample.X, dtype=torch.float64)
    return LossSurface(
        n_rows=len(sample.X),
        n_weights=surface.size,
        n_fixed=network.n_parameters - surface.size,
        has_trees=any(node.op == "trees" for node in network.nodes),
        loss=surface.here(),
        spectral_norms=norms,
        lipschitz_bound=lipschitz_bound(network, norms) / unit,
        output_scale=float(output.std(axis=0).mean()) / unit,
        trace=trace,
        largest_eigenvalue=top,
        head=head_spectrum(network, rows),
        sharpness=adaptive_sharpness(surface),
        basin_radius=basin_radius(surface, trace=trace.value, rng=rng),
    )


@dataclass(frozen=True)
class SurfaceComparison:
    """Two networks for the same task: ours, and the one trained by stochastic gradients."""

    ours: LossSurface
    sgd: LossSurface

    @property
    def sentence(self) -> str:
        """Which place is flatter, in plain words."""
        ours, sgd = self.ours.basin_radius, self.sgd.basin_radius
        text = (
            f"Changing every weight at random by {_percent(ours)} raises the loss of our network "
            f"by a tenth; the SGD network bears {_percent(sgd)}."
        )
        if ours and sgd and max(ours / sgd, sgd / ours) < 1.25:
            return text + " Both places are about as flat."
        flatter = "Ours" if ours > sgd else "The SGD network"
        return text + f" {flatter} lies in the flatter place."

    def to_json(self) -> dict[str, Any]:
        """Plain data, the numbers side by side under ``lines``."""
        return {
            "format": FORMAT,
            "ours": self.ours.to_json(),
            "sgd": self.sgd.to_json(),
            "lines": self.lines(),
            "sentence": self.sentence,
            "caution": CAUTION,
        }

    def lines(self) -> list[dict[str, Any]]:
        """One line a quantity: name, both values and ours over theirs."""
        ours, sgd = _quantities(self.ours), _quantities(self.sgd)
        return [
            {
                "name": name,
                "ours": ours[name],
                "sgd": sgd[name],
                "ratio": _ratio(ours[name], sgd[name]),
            }
            for name in ours
        ]


def compare(ours: LossSurface, sgd: LossSurface) -> SurfaceComparison:
    """Both side by side."""
    return SurfaceComparison(ours, sgd)


def _quantities(surface: LossSurface) -> dict[str, float]:
    sharpness = {f"adaptive sharpness, rho = {r:g}": v for r, v in surface.sharpness.items()}
    return {
        "loss on these rows": surface.loss,
        "weights": float(surface.n_weights),
        "slope bound": surface.lipschitz_bound,
        "trace of the Hessian": surface.trace.value,
        "largest eigenvalue": surface.largest_eigenvalue,
        "effective dimension of the head": surface.head.effective_dimension,
        **sharpness,
        "basin radius": surface.basin_radius,
    }


def _head_json(head: HeadSpectrum) -> dict[str, Any]:
    return {
        "name": head.head,
        "n_rows": head.n_rows,
        "n_weights": head.n_weights,
        "eigenvalues": head.eigenvalues.tolist(),
        "scale": head.scale,
        "trace": head.trace,
        "effective_dimension": head.effective_dimension,
    }


def _ratio(ours: float, sgd: float) -> float | None:
    ratio = ours / sgd if sgd else math.inf
    return ratio if math.isfinite(ratio) else None


def _percent(share: float) -> str:
    return f"{100.0 * share:.2g} %"
