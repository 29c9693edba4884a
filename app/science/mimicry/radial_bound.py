"""A proved distance between a kernel teacher and the network that carries its expansion.

The network's unit j is p(t_j), where the polygon p stands for the profile k and t_j for the
squared distance s_j. The polygons of the squares lie above u^2 by at most some e, so that
t_j = s_j + D up to tiny shifts, with one D in [0, e * sum of radius^2 / bandwidth^2] for all j.

* p - k is concave between knots, since k is convex: its range is known piece by piece.
* Gauss: k(s + D) = k(s) exp(-D / 2), so D costs at most (1 - exp(-D / 2)) sup |f - intercept|,
  and that supremum is at most the norm sqrt(a^T K a) of the expansion.
* Any convex profile: k(s) - k(s + D) falls with s, and only one center can be the nearest: with
  j0 the nearest, s_j >= |c_j - c_j0|^2 / 4. The worst j0 gives the bound; for Gauss, D = 0 there.

Every tensor is read as it is stored, so a network in float32 is bounded by what it really is. The
evaluation is bounded too, by a running error analysis; exp is taken as good to 4 ulp.

Source: Yarotsky 2017, doi:10.1016/j.neunet.2017.07.002 (squares). Higham 2002, "Accuracy and
stability of numerical algorithms", chapter 3 (gamma_n). The combination is ours.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.special
import torch

from app.science.linalg import Floats, rows_per_block, squared_distances
from app.science.mimicry.kernels import KERNELS, SMALLEST, KernelName
from app.science.mimicry.radial_copy import Copy, read
from app.science.mimicry.target import Ends
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.network import Network
from app.science.relu_network.polygon import UNIT_ROUNDOFF, Polygon, gamma
from app.science.relu_network.rounding import NotBounded, rounding

SAME_WEIGHTS = 1e-5
"""Relative difference of head weights that storage in float32 explains."""


class Terms(NamedTuple):
    """Parts of a bound in the unit of the output: what each of four causes may add."""

    profile: float
    square: float
    weights: float
    rounding: float

    @property
    def total(self) -> float:
        """The bound."""
        return sum(self) * (1.0 + 1e-9)


@dataclass(frozen=True)
class _Shifts:
    """t_j = s_j + D + d with 0 <= D <= common and |d| <= own[j]; farthest bounds every t_j."""

    common: float
    own: Floats
    farthest: float


def bound(
    teacher: FittedTeacher, network: Network, reach: Floats, factor: float, unit: float
) -> Terms:
    """Bound the largest difference of any output over all rows with |x| <= reach.

    Parameters
    ----------
    reach : (p,); factor : the network's output is this times the teacher's, up to its center;
    unit : unit roundoff of the network's evaluation, whose tables are made in float64

    Raises
    ------
    NotBounded
        See ``read``, or the head is not the teacher's.
    """
    copy = read(teacher, network)
    shifts = _shifts(teacher, copy, reach)
    a = teacher.weights * factor
    above, below = _profile_gap(teacher.kernel, copy.profile, shifts.farthest)
    positive, negative = a.clip(0.0).sum(axis=0), (-a).clip(0.0).sum(axis=0)
    profile = np.stack([positive * above + negative * below, negative * above + positive * below])
    square = _square_terms(teacher, a, copy, shifts)
    drift = float(shifts.own.max(initial=0.0))
    size = copy.profile.largest(-drift, shifts.farthest)
    weights = _weight_terms(teacher, copy, reach, factor, size)
    weights = weights + _limits_gap(teacher, network, factor)
    known = {copy.distance_name: (-drift, shifts.farthest)}
    rounded = rounding(network, reach, unit, known) + _teacher_rounding(
        teacher, copy, reach, factor
    )
    rounded += gamma(8) * (np.abs(a).sum(axis=0) * size + np.abs(copy.head[2]))
    either = profile + square  # (2, c): upwards, downwards
    side, output = np.unravel_index((either + weights + rounded).argmax(), either.shape)
    parts = profile[side, output], square[side, output], weights[output], rounded[output]
    return Terms(*(float(part) for part in parts))


def _shifts(teacher: FittedTeacher, copy: Copy, reach: Floats) -> _Shifts:
    r, width = copy.radius, teacher.squared_bandwidth
    away = copy.middle - teacher.centers  # (m, q)
    on_u, on_square, bias = copy.distance
    wanted = r**2 / width
    low, high = _square_gap(copy.square)
    # the box's own coordinate, read from the network's tensors instead of the teacher's metric
    W, b = copy.unit
    off = np.abs(W - teacher.metric.T / r[:, None]) @ reach + np.abs(b + copy.middle / r)
    off = off + gamma(8) * (np.abs(W) @ reach + np.abs(b))
    own = (2.0 * r * (np.abs(away) + r) / width) @ off + low * wanted.sum()
    own += np.abs(on_u - 2.0 * r * away / width).sum(axis=1)
    own += np.abs(on_square - wanted).sum(axis=1) * copy.square.largest(-1.0, 1.0)
    own += np.abs(bias - (away**2).sum(axis=1) / width)
    sizes = np.abs(on_u).sum(axis=1) + np.abs(on_square).sum(axis=1) + np.abs(bias)
    own += gamma(16 + len(r)) * sizes
    common = high * float(wanted.sum())
    most = ((np.abs(away) + r) ** 2).sum(axis=1) / width + common + own
    return _Shifts(common, own, float(most.max(initial=0.0)))


def _square_gap(square: Polygon) -> tuple[float, float]:
    """How far the polygon lies below and above u^2 on [-1, 1]."""
    start, end, offset, slope = square.pieces(-1.0, 1.0)
    inner = (slope / 2.0).clip(start, end)
    u = np.stack([start, inner, end])
    gap = offset + slope * u - u**2
    slack = square.rounding(-1.0, 1.0)
    return float((-gap).max(initial=0.0)) + slack, float(gap.max(initial=0.0)) + slack


def _profile_gap(kernel: KernelName, profile: Polygon, farthest: float) -> tuple[float, float]:
    """How far the polygon lies above and below the profile on [0, farthest].

    The gap is concave on a piece, so a tangent bounds it from above wherever it touches, and the
    ends bound it from below.
    """
    start, end, offset, slope = profile.pieces(0.0, farthest)
    touch = _touching(kernel, slope).clip(start, end)
    value, fall = _value_and_fall(kernel, touch)
    tilt = slope - fall
    rise = np.maximum(tilt * (end - touch), tilt * (start - touch))
    above = offset + slope * touch - value + rise
    ends = np.stack([start, end])
    below = _value_and_fall(kernel, ends)[0] - (offset + slope * ends)
    slack = profile.rounding(0.0, farthest)
    return float(above.max(initial=0.0)) + slack, float(below.max(initial=0.0)) + slack


def _value_and_fall(kernel: KernelName, t: Floats) -> tuple[Floats, Floats]:
    value = KERNELS[kernel].profile(torch.as_tensor(t)).numpy()
    return value, -value / (2.0 if kernel == "gauss" else 2.0 * np.sqrt(t + SMALLEST))


def _touching(kernel: KernelName, slope: Floats) -> Floats:
    """Where the profile has this slope; far away for slopes that it never has."""
    steep = np.maximum(-2.0 * slope, 1e-300)
    if kernel == "gauss":
        return np.asarray(-2.0 * np.log(steep))
    return np.asarray(scipy.special.lambertw(1.0 / steep).real ** 2 - SMALLEST)


def _square_terms(teacher: FittedTeacher, a: Floats, copy: Copy, shifts: _Shifts) -> Floats:
    """(2, c), upwards and downwards: what longer or drifting distances do to the sum."""
    common = shifts.common if teacher.kernel == "laplace" else 0.0
    *_, slope = copy.profile.pieces(-float(shifts.own.max(initial=0.0)), 0.0)
    before = float(np.abs(slope).max(initial=0.0))  # the polygon goes on below zero
    crowd, norm = _crowd(teacher, a, shifts.own, common, before)
    if teacher.kernel == "laplace":
        return crowd
    signs = np.stack([(-a).clip(0.0).sum(axis=0), a.clip(0.0).sum(axis=0)])
    return np.asarray(crowd - np.expm1(-shifts.common / 2.0) * np.minimum(signs, norm))


def _crowd(
    teacher: FittedTeacher, a: Floats, own: Floats, common: float, before: float
) -> tuple[Floats, Floats]:
    """The worst nearest center's sums (2, c), and the norms (c,) of the expansions."""
    m, width, profile = len(a), teacher.squared_bandwidth, KERNELS[teacher.kernel].profile
    plus, minus = a.clip(0.0), (-a).clip(0.0)
    centers = torch.as_tensor(teacher.centers)
    largest = float(centers.square().sum(1).max()) if m else 0.0
    slack = own + gamma(centers.shape[1] + 8) * largest / width
    worst, square = np.zeros((2, a.shape[1])), np.zeros(a.shape[1])
    for at in range(0, m, rows_per_block(max(1, 8 * m))):
        block = slice(at, at + rows_per_block(max(1, 8 * m)))
        s = (squared_distances(centers[block], centers) / width).numpy()
        square += (a[block] * (profile(torch.as_tensor(s)).numpy() @ a)).sum(axis=0)
        near = (s / 4.0 - slack).clip(0.0)
        here, drifted, longer = (
            profile(torch.as_tensor(near + more)).numpy() for more in (0.0, own, common + own)
        )
        extra = np.where(near > 0.0, 0.0, before * own)
        up, down = here - drifted + extra, here - longer + extra
        sums = np.stack([up @ plus + down @ minus, up @ minus + down @ plus])
        worst = np.maximum(worst, sums.max(axis=1))
    sizes = np.abs(a).sum(axis=0)
    rounding = 4.0 * UNIT_ROUNDOFF
    return worst + rounding * sizes, np.sqrt(square.clip(0.0) + 1e-12 * sizes**2)


def _weight_terms(
    teacher: FittedTeacher, copy: Copy, reach: Floats, factor: float, size: float
) -> Floats:
    on_x, on_units, bias = copy.head
    moved = np.abs(on_units - teacher.weights.T * factor).sum(axis=1)
    if (moved > SAME_WEIGHTS * np.abs(teacher.weights * factor).sum(axis=0)).any():
        raise NotBounded("the head's weights are not the teacher's, so nothing ties it to them")
    linear = np.abs(on_x - teacher.linear.T * factor) @ reach
    wanted = teacher.intercept * factor + teacher.center
    return np.asarray(moved * size + linear + np.abs(bias - wanted))


def _limits_gap(teacher: FittedTeacher, network: Network, factor: float) -> float:
    """How far the limits of the last clip lie from the teacher's; a clip widens no difference."""
    last = next(node for node in network.nodes if node.name == network.output)
    ends = Ends(last.attributes["low"], last.attributes["high"]) if last.op == "clip" else Ends()
    wanted = teacher.ends.scaled(factor, teacher.center)
    return max(abs(a - b) for a, b in zip(ends.sides, wanted.sides, strict=True))


def _teacher_rounding(teacher: FittedTeacher, copy: Copy, reach: Floats, factor: float) -> Floats:
    """(c,), error of the teacher's own float64 evaluation on the box."""
    (p, q), a = teacher.metric.shape, np.abs(teacher.weights * factor)
    z = np.abs(copy.middle) + copy.radius
    off = gamma(p + 4) * (np.abs(teacher.metric).T @ reach + z)
    apart = np.linalg.norm(z) + np.linalg.norm(teacher.centers, axis=1)  # (m,)
    s = 2.0 * apart * np.linalg.norm(off) + gamma(q + 8) * apart**2
    ends = torch.as_tensor(np.stack([np.zeros(len(s)), s / teacher.squared_bandwidth]))
    first, second = KERNELS[teacher.kernel].profile(ends).numpy()
    linear = np.abs(teacher.linear * factor).T @ reach + np.abs(teacher.intercept * factor)
    sums = gamma(len(a) + p + 8) * (a.sum(axis=0) + linear + abs(teacher.center))
    return np.asarray((first - second) @ a + sums)
