"""How far the network may lie from its teacher: what is proved, and what was seen.

The bound is ``radial_bound.py``'s. Beside it stand the largest difference that random points and an
ascent from the worst of them found, and the usual difference near the data. The first is never
below the second; where nothing is proved it is None and ``reason`` says why.

Source: none; the bound names its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats, squared_distances
from app.science.mimicry.kernels import KERNELS, Kernel
from app.science.mimicry.radial_bound import Terms, bound
from app.science.mimicry.radial_copy import read
from app.science.mimicry.target import Ends
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.evaluate import load, run
from app.science.relu_network.network import Network
from app.science.relu_network.rounding import NotBounded

N_POINTS = 3000
N_CLIMBERS = 64
STEPS = tuple(float(v) for v in np.geomspace(0.2, 1e-4, 30))
"""Of the ascent, in widths of the domain."""
JITTER = 0.1
"""In standard deviations of the rows."""

Map = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Certificate:
    """Differences between network and teacher, in the target's unit or in logits.

    certified_sup : proved for every row of the domain, or None; observed_max : the largest one
    found there; observed_rms : over rows like the data; n_points : random points of both kinds
    """

    certified_sup: float | None
    reason: str
    observed_max: float
    observed_rms: float
    n_points: int
    domain: str

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


def certify(
    teacher: FittedTeacher,
    network: Network,
    X: NDArray[Any],
    *,
    seed: int,
    temperature: float = 1.0,
    dtype: torch.dtype = torch.float64,
) -> Certificate:
    """Compare the network, evaluated in ``dtype``, with the teacher in float64.

    Parameters
    ----------
    X : (n, p), encoded rows, whose columns' ranges are the domain
    temperature : the network's logits are meant to be this many times the teacher's
    """
    rows = np.asarray(X, dtype=np.float64)
    low, high = rows.min(axis=0), rows.max(axis=0)
    factor = teacher.scale * temperature
    terms, reason = _proof(teacher, network, np.maximum(-low, high), factor, dtype)
    gap = _gap(teacher, network, factor, dtype)
    rng = np.random.default_rng([seed, 19])
    alike, uniform = _like(rows, rng), rng.uniform(low, high, (N_POINTS // 3, len(low)))
    near, far = _seen(gap, alike), _seen(gap, uniform)
    points, gaps = np.concatenate([alike, uniform]), np.concatenate([near, far])
    worst = points[np.argsort(gaps)[-N_CLIMBERS:]]
    return Certificate(
        certified_sup=terms and terms.total,
        reason=reason,
        observed_max=max(float(gaps.max()), _climb(gap, worst, low, high)),
        observed_rms=float(np.sqrt((near**2).mean())),
        n_points=len(points),
        domain=_domain(network, len(rows), clipped=terms is not None),
    )


def _proof(
    teacher: FittedTeacher, network: Network, reach: Floats, factor: float, dtype: torch.dtype
) -> tuple[Terms | None, str]:
    unit = torch.finfo(dtype).eps / 2.0
    try:
        terms = bound(teacher, network, reach, factor, unit)
    except NotBounded as error:
        return None, str(error)
    parts = ", ".join(f"{name} {value:.3g}" for name, value in terms._asdict().items())
    return terms, f"proved for evaluation in {str(dtype).removeprefix('torch.')}: {parts}"


def _domain(network: Network, n_rows: int, *, clipped: bool) -> str:
    columns = f"all rows whose {network.input_dim} columns lie in the ranges of the {n_rows} given"
    if not clipped:
        return f"{columns}; the teacher is not clipped"
    return f"{columns}; the teacher is clipped to the network's box of metric coordinates"


def _like(rows: Floats, rng: np.random.Generator) -> Floats:
    """Fresh points between rows and around them, inside their ranges."""
    n = N_POINTS // 3
    first, second, third = (rows[rng.integers(0, len(rows), n)] for _ in range(3))
    share = rng.uniform(0.0, 1.0, (n, 1))
    jitter = JITTER * rows.std(axis=0) * rng.standard_normal(first.shape)
    points = np.concatenate([share * first + (1.0 - share) * second, third + jitter])
    return np.asarray(points.clip(rows.min(axis=0), rows.max(axis=0)))


def _gap(teacher: FittedTeacher, network: Network, factor: float, dtype: torch.dtype) -> Map:
    """The largest difference of an output, (b,) from rows (b, p) in float64."""
    tensors = load(network, dtype=dtype, device="cpu")
    reference = _reference(teacher, network)

    def gap(rows: torch.Tensor) -> torch.Tensor:
        wanted = reference(rows) * factor + teacher.center
        return (run(network, tensors, rows.to(dtype)).double() - wanted).abs().amax(dim=1)

    return gap


def _reference(teacher: FittedTeacher, network: Network) -> Map:
    """The teacher's output (b, c), clipped to the network's box where it has one."""
    try:
        copy = read(teacher, network)
        box = [torch.as_tensor(copy.middle + sign * copy.radius) for sign in (-1.0, 1.0)]
    except NotBounded:
        box = [torch.full((teacher.metric.shape[1],), sign * np.inf) for sign in (-1.0, 1.0)]
    metric, centers, weights, linear, intercept = (
        torch.as_tensor(getattr(teacher, name))
        for name in ("metric", "centers", "weights", "linear", "intercept")
    )

    profile = _differentiable(KERNELS[teacher.kernel])

    def output(rows: torch.Tensor) -> torch.Tensor:
        z = (rows @ metric).clamp(*box)
        s = squared_distances(z, centers) / teacher.squared_bandwidth
        return _within(profile(s) @ weights + rows @ linear + intercept, teacher.ends)

    return output


def _within(outputs: torch.Tensor, ends: Ends) -> torch.Tensor:
    return outputs.clamp(ends.low, ends.high) if ends else outputs


def _differentiable(kernel: Kernel) -> Map:
    """The profile with its slope as gradient: its own steps overwrite what autograd needs."""

    class Profile(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, s: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - torch's context
            ctx.save_for_backward(s)
            return kernel.profile(s)

        @staticmethod
        def backward(ctx: Any, upper: torch.Tensor) -> torch.Tensor:  # noqa: ANN401 - the same
            return upper * kernel.slope(*ctx.saved_tensors)

    return Profile.apply


def _seen(gap: Map, points: Floats, step: int = 512) -> Floats:
    with torch.no_grad():
        parts = [gap(torch.as_tensor(points[i : i + step])) for i in range(0, len(points), step)]
    return torch.cat(parts).numpy()


def _climb(gap: Map, points: Floats, low: Floats, high: Floats) -> float:
    """The largest gap after a projected ascent along the gradient's signs."""
    bottom, top = torch.as_tensor(low), torch.as_tensor(high)
    best = torch.as_tensor(points)
    for step in STEPS:
        here = best.clone().requires_grad_()
        height = gap(here)
        (slope,) = torch.autograd.grad(height.sum(), here)
        with torch.no_grad():
            moved = torch.clamp(best + step * (top - bottom) * slope.sign(), bottom, top)
            best = torch.where((gap(moved) > height)[:, None], moved, best)
    return float(_seen(gap, best.numpy()).max())
