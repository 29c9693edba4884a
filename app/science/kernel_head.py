"""A kernel head on components of fixed features, in seconds: Gaussian kernel ridge, fitted twice.

The first fit has few centers, and its gradients say along which directions the target moves.
Distances of the second fit, with many centers, count by these. Kernel values are float32 and add up
in float64 by blocks of rows: of many rows, what that loses is what the jitter covers.

Source: Rudi, Camoriano and Rosasco 2015, arXiv:1507.04717 (Nystrom kernel ridge); Radhakrishnan,
Beaglehole, Pandit and Belkin 2024, doi:10.1126/science.adi5639 (the metric); Mallinar et al.
2024, arXiv:2407.20199 (its square root). Differs from the papers: one step of the metric.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg.blas import dsyrk, ssyrk
from torch import Tensor

from app.science.linalg import Floats
from app.science.mimicry.metric import Expansion, gradient_outer_product
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher

Single = NDArray[np.float32]

FIRST_CENTERS, MOST_CENTERS = 3_000, 6_000
GRADIENT_ROWS = 3_000
RANK_KEPT = 0.9
"""Share of the metric's trace in the directions that are kept."""
WIDTH = 0.35
"""The squared bandwidth in units of the median squared distance. The best or next to it of 0.25,
0.35, 0.5 and 0.7 on digits and photographs, with whatever number of centers and metric."""
N_SQUARES = 4
"""Matrices of the centers squared, float64, that live at once."""
PENALTIES = (1e-4, 1e-5, 1e-6, 1e-7)
JITTER = 3e-6
BLOCK_ROWS = 4_096
FEW_PRODUCTS = 5e10
"""Up to which they are float64: of few rows, what float32 loses passes the jitter."""
MEDIAN_ROWS = 1_000


@dataclass(frozen=True)
class _Kernel:
    """centers : (m, r), float32; width : the squared bandwidth."""

    centers: Tensor
    width: float

    def features(self, rows: Tensor) -> Tensor:
        """(b, m), exp(-|row - center|^2 / (2 width))."""
        norms = (rows * rows).sum(1)[:, None] + (self.centers * self.centers).sum(1)
        squares = norms.addmm_(rows, self.centers.T, alpha=-2.0).clamp_min_(0.0)
        return squares.mul_(-0.5 / self.width).exp_()

    def leading(self, m: int) -> "_Kernel":
        """Around the first m centers."""
        return _Kernel(self.centers[:m], self.width)


@dataclass(frozen=True)
class _Sums:
    """Over n rows: gram (m, m), whose lower half counts, and cross (m, c), in float64."""

    n: int
    gram: Tensor
    cross: Tensor

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(self.n + other.n, self.gram + other.gram, self.cross + other.cross)

    def leading(self, m: int) -> "_Sums":
        """Of the first m centers."""
        return _Sums(self.n, self.gram[:m, :m], self.cross[:m])


@dataclass(frozen=True)
class _Ridge:
    """Scores = kernel features @ weights, of the sums and at the penalty given."""

    kernel: _Kernel
    sums: _Sums
    penalty: float
    weights: Tensor


@dataclass(frozen=True)
class _Problem:
    """rows : (n, r), float32; columns : (n, c), float32, centered; fit, held : row numbers."""

    rows: Tensor
    columns: Tensor
    fit: Tensor
    held: Tensor

    def solved(self, most: int) -> _Ridge:
        """The penalty is searched with half of the centers, where it costs an eighth."""
        centers = self.rows[self.fit[:most]]
        others = self.rows[self.fit[-MEDIAN_ROWS:]]
        median = float((torch.cdist(centers[:MEDIAN_ROWS], others) ** 2).median())
        kernel = _Kernel(centers, WIDTH * max(median, 1e-12))
        sums = self.sums(kernel, self.fit)
        half = (len(centers) + 1) // 2
        penalty = self._penalty(kernel.leading(half), sums.leading(half))
        penalty, weights = _solvable(sums, kernel, penalty)
        return _Ridge(kernel, sums, penalty, weights)

    def sums(self, kernel: _Kernel, which: Tensor) -> _Sums:
        """One pass."""
        m = len(kernel.centers)
        few = len(which) * m**2 <= FEW_PRODUCTS
        gram = self.rows.new_zeros(m, m, dtype=torch.float64)
        cross = self.rows.new_zeros(m, self.columns.shape[1], dtype=torch.float64)
        for part in torch.split(which, BLOCK_ROWS):
            F = kernel.features(self.rows[part])
            cross += F.T @ self.columns[part]
            gram += _square(F.double() if few else F)
        return _Sums(len(which), gram, cross)

    def scores(self, kernel: _Kernel, weights: Tensor) -> Tensor:
        """(h, c), of the held-out rows."""
        return kernel.features(self.rows[self.held]) @ weights.float()

    def _penalty(self, kernel: _Kernel, sums: _Sums) -> float:
        """The largest one before the error on the held-out rows rises."""
        square = kernel.features(kernel.centers)
        held, wanted = kernel.features(self.rows[self.held]), self.columns[self.held]
        best, least = PENALTIES[0], float("inf")
        for penalty in PENALTIES:
            weights = _weights(sums, square, penalty)
            if weights is None:
                break
            error = float(((held @ weights.float() - wanted) ** 2).sum(1).double().mean())
            if error >= least:
                break
            best, least = penalty, error
        return best


def fit(
    rows: Single,
    target: Target,
    split: tuple[Ints, Ints],
    *,
    seed: int,
    memory_bytes: int,
    device: torch.device | str = "cpu",
) -> tuple[FittedTeacher, Floats]:
    """Choose on the held-out rows, then fit on all.

    Parameters
    ----------
    rows : (n, r), components, scaled as their distances shall count at first
    memory_bytes : beside the rows; ``N_SQUARES`` matrices of the centers squared have to fit
    device : of the products and factors

    Returns
    -------
    The fit on all rows, and scores (h, c) of the held-out ones by the fit that did not see them,
    in the unit of ``Target.columns``

    Raises
    ------
    numpy.linalg.LinAlgError
        The rows hold NaN or infinities.
    """
    columns = target.columns()
    mean = columns.mean(axis=0)
    most = _most_centers(memory_bytes)
    first = _problem(rows, columns - mean, split, device)
    sample = first.solved(min(FIRST_CENTERS, most))
    metric = _metric(first.rows[first.fit[:GRADIENT_ROWS]], sample)
    second = _problem(rows @ metric.astype(np.float32), columns - mean, split, device)
    chosen = second.solved(most)
    scores = _array(second.scores(chosen.kernel, chosen.weights)) + mean
    kernel, weights = _on_all_rows(second, chosen, most)
    teacher = FittedTeacher(
        name="kernel",
        task=target.task,
        classes=target.classes,
        seed=seed,
        center=target.center,
        scale=target.scale,
        kernel="gauss",
        squared_bandwidth=kernel.width,
        penalty=chosen.penalty,
        effective_dof=float("nan"),
        validation_loss=float("nan"),
        ridge_validation_loss=None,
        metric=metric,
        centers=_array(kernel.centers),
        weights=_array(weights),
        linear=np.zeros((len(metric), len(mean))),
        intercept=mean,
        spectrum=(metric**2).sum(axis=0) / (metric**2).sum(),  # its columns are orthogonal
        details={},
        limits=(target.limits.low, target.limits.high),
    )
    return teacher, scores


def products(n_rows: int, memory_bytes: int) -> float:
    """Multiplications of ``fit``: half a Gram matrix for each of both, and their factors."""
    most = min(n_rows, _most_centers(memory_bytes))
    centers = (most, min(most, FIRST_CENTERS))
    return float(sum(n_rows * m**2 / 2 + m**3 / 2 for m in centers))


def _most_centers(memory_bytes: int) -> int:
    return min(MOST_CENTERS, math.isqrt(memory_bytes // (8 * N_SQUARES)))


def _problem(
    rows: Single, columns: Floats, split: tuple[Ints, Ints], device: torch.device | str
) -> _Problem:
    arrays = (rows, columns.astype(np.float32), *split)
    return _Problem(*(torch.from_numpy(array).to(device) for array in arrays))


def _array(tensor: Tensor) -> Floats:
    found: Floats = tensor.double().cpu().numpy()
    return found


def _square(F: Tensor) -> Tensor:
    """(m, m), F^T F, of which the lower half counts; the CPU makes no other."""
    if F.device.type != "cpu":
        return F.T @ F
    syrk = dsyrk if F.dtype == torch.float64 else ssyrk
    upper = syrk(1.0, F.numpy().T)  # of columns that come first
    return torch.from_numpy(upper.T)


def _solvable(sums: _Sums, kernel: _Kernel, penalty: float) -> tuple[float, Tensor]:
    """The penalty, or the next larger one at which the system is not singular, and the weights."""
    square = kernel.features(kernel.centers)
    while penalty <= 1.0:
        weights = _weights(sums, square, penalty)
        if weights is not None:
            return penalty, weights
        penalty *= 10.0
    raise np.linalg.LinAlgError("the kernel's Gram matrix holds NaN or infinities")


def _weights(sums: _Sums, square: Tensor, penalty: float) -> Tensor | None:
    """(m, c), float64, for the centers' own kernel; None where singular to rounding."""
    system = sums.gram / sums.n
    diagonal = system.diagonal()
    system += penalty * square
    diagonal += JITTER * diagonal.mean()
    factor, failed = torch.linalg.cholesky_ex(system)
    return None if failed else torch.cholesky_solve(sums.cross / sums.n, factor)


def _metric(rows: Tensor, found: _Ridge) -> Floats:
    """(r, q), the fourth root of the gradients' outer product: distances count by its square root.

    Directions in which the target hardly moves are left out.
    """
    r = rows.shape[1]
    expansion = Expansion(
        "gauss",
        _array(found.kernel.centers),
        _array(found.weights),
        found.kernel.width,
    )
    values, vectors = np.linalg.eigh(gradient_outer_product(_array(rows), np.eye(r), expansion))
    sizes = np.sqrt(values[::-1].clip(0.0))
    kept = int(np.searchsorted(np.cumsum(sizes), RANK_KEPT * sizes.sum())) + 1
    return np.asarray(vectors[:, ::-1][:, :kept] * np.sqrt(sizes[:kept] / sizes[0]))


def _on_all_rows(problem: _Problem, chosen: _Ridge, most: int) -> tuple[_Kernel, Tensor]:
    """The same kernel and penalty; few rows are all centers."""
    kernel, sums = chosen.kernel, chosen.sums
    if len(kernel.centers) == len(problem.fit):
        order = torch.cat([problem.fit, problem.held])
        kernel = _Kernel(problem.rows[order[:most]], kernel.width)
        sums = problem.sums(kernel, order)
    else:
        sums = sums + problem.sums(kernel, problem.held)
    return kernel, _solvable(sums, kernel, chosen.penalty)[1]
