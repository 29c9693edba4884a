"""Level-set motif: a jump along a smooth surface, as a step after a smooth kernel network.

Across a jump the teacher's values on both sides are known a step away along its gradient, and a
row's own target says on which side it lies. A kernel-logistic regression of these labels gives h,
the surface is {h = 0}, and 1{h > 0} enters a ridge as one more feature. With that fit every row is
labelled again by likelihood and h refitted. Both steps are convex; their alternation is a fixed
point iteration that held-out rows stop. The jump's height is linear inside the box of the rows;
its product with the gate g in {0, 1} is s g = relu(s + B g - B) for 0 <= s <= B.

Source: Imaizumi and Fukumizu 2022, JMLR 23(111), lemma 5 (a step after a smooth function). Differs
from the paper: h comes from convex solves, started from the jump of a kernel teacher.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import NamedTuple

import numpy as np
import scipy.linalg
import torch
from scipy.special import expit

from app.science.linalg import (
    Floats,
    GramSums,
    RidgeFit,
    gram_sums,
    median_squared_distance,
    ridge_path,
    squared_distances,
    threads_for,
)
from app.science.mimicry import motif
from app.science.mimicry.correction import Correction, Fitting, Piece
from app.science.mimicry.kernels import KERNELS, KernelName, kernel_matrix
from app.science.mimicry.motif import MotifContext, affine_node, pwl_node
from app.science.mimicry.motifs.radial import Radial
from app.science.mimicry.target import Ints
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.network import INPUT, Array, Node

NAME = "level_set"
BOX = f"{NAME}.box"
KERNEL: KernelName = "gauss"

MIN_ROWS = 400
PROBE_ROWS, FIRST_ROWS, MOST_ROWS, NEAR_ROWS = 1500, 4000, 24_000, 8000
"""Rows of the ground test, of the first labels, of the alternation, and of one refit of h."""
STEP = 0.5
"""Way from a row to either side, in standard deviations of the columns."""
STEEP_SHARE, MIN_CORRELATION = 0.3, 0.15
MOST_UNITS, ROWS_PER_UNIT = 300, 4
ALTERNATIONS, WORTH_ANOTHER = 7, 0.98
FIRST_NEWTON_STEPS, NEWTON_STEPS, LEAST_CURVATURE = 8, 3, 1e-3
FIRST_PENALTY, LATER_PENALTIES = 1e-4, (1e-6, 1e-7)
PENALTIES = (1e-4, 1e-5, 1e-6, 1e-7)
HOPELESS = 2.5
"""Times the loss of the model so far: where there is a jump, the first surface gains on it."""
LINEAR_PENALTY, GATE_PENALTY, BASE_PENALTY, FREE, JITTER = 1e-3, 1e-2, 1e-3, 1e-5, 1e-5
CERTAIN = 20.0
"""Log odds beyond which a label counts as known."""
PRIOR_SHARE, PRIOR_CLIP, LEAST_WEIGHT = 0.5, 4.0, 1e-3
RAMP = 0.05
"""Half width of the gate's ramp in log odds of h: far above the rounding of float32."""
FOLDS = 5
REACH = 16.0
"""Half side of the box in spreads, as larger squares drown small distances in float32."""
WEAKEST = 0.1
"""Spread of a direction of the metric, as a share of the strongest one's, at least."""
ROUNDING = 1e-13
KNOTS = 4096
BLOCK_ROWS = 4096
GAUSS_MAD = 0.6745


@dataclass(frozen=True)
class _Box:
    """u = clip((z - middle) / radius) for z = x @ metric (p, q)."""

    metric: Floats
    middle: Floats
    radius: Floats

    def inside(self, X: Floats) -> Floats:
        """(n, q), u in [-1, 1]."""
        return np.asarray(((X @ self.metric - self.middle) / self.radius).clip(-1.0, 1.0))

    def points(self, u: Floats) -> Floats:
        """(n, q), z of a place in the box."""
        return np.asarray(self.middle + self.radius * u)


@dataclass(frozen=True)
class _Units:
    """The coordinates u and beside them Gauss units of |z - center|^2 / width; centers (m, q)."""

    box: _Box
    centers: Floats
    width: float

    def features(self, u: Floats) -> Floats:
        """(n, q + m)."""
        return np.hstack([u, self._against_centers(self.box.points(u))])

    def penalty(self) -> Floats:
        """(q + m, q + m), the norm of the expansion beside a weak one of the linear part."""
        linear = LINEAR_PENALTY * np.eye(self.centers.shape[1])
        square = self._against_centers(self.centers) + JITTER * np.eye(len(self.centers))
        return np.asarray(scipy.linalg.block_diag(linear, square))

    def _against_centers(self, Z: Floats) -> Floats:
        return kernel_matrix(KERNEL, Z, self.centers, self.width)

    def nodes(self, name: str) -> tuple[list[Node], dict[str, Array]]:
        """The units as nodes that read the box; the last one holds them."""
        context = MotifContext(
            middle=self.box.middle,
            radius=self.box.radius,
            points=self.centers,
            values=np.empty((len(self.centers), 0)),
            kernel=KERNEL,
            squared_bandwidth=self.width,
            centers=self.centers,
            knots=KNOTS,
        )
        block = Radial().draw(context, len(self.centers), name, np.random.default_rng(0))
        return [_moved(node) for node in block.nodes], dict(block.tensors)


def _moved(node: Node) -> Node:
    """The node on this module's own box."""
    inputs = tuple(BOX if name == motif.BOX else name for name in node.inputs)
    return replace(node, inputs=inputs)


class _Votes(NamedTuple):
    """What h is fitted to.

    features : (v, k); labels : (v,), probabilities of the upper side; weights : (v,);
    places : (v,), in ``_Work.rows``
    """

    features: Floats
    labels: Floats
    weights: Floats
    places: Ints

    def without(self, fold: int) -> "_Votes":
        """All but those of one fold."""
        return _Votes(*(part[self.places % FOLDS != fold] for part in self))


@dataclass(frozen=True)
class _Surface:
    """h = [1, features] @ weights, in log odds, by penalized kernel-logistic regression."""

    weights: Floats
    votes: _Votes
    square: Floats
    penalty: float

    def at(self, features: Floats) -> Floats:
        """(n,), h."""
        return np.asarray(features @ self.weights[1:] + self.weights[0])

    def newton(self, steps: int) -> "_Surface":
        """A few steps nearer to the optimum."""
        F, labels, weights, _ = self.votes
        w, ridge = self.weights, self.penalty * weights.sum() * self.square
        for _ in range(steps):
            side = expit(F @ w[1:] + w[0])
            slope = weights * (side - labels)
            root = np.sqrt(weights * (side * (1.0 - side)).clip(LEAST_CURVATURE))[:, None]
            half = np.hstack([root, root * F])
            gradient = np.concatenate([[slope.sum()], F.T @ slope]) + ridge @ w
            with threads_for(len(w)):
                system = half.T @ half + ridge
                system[np.diag_indices_from(system)] += ROUNDING * np.trace(system)
                factor = scipy.linalg.cho_factor(system, overwrite_a=True, check_finite=False)
            w = w - scipy.linalg.cho_solve(factor, gradient, check_finite=False)
        return replace(self, weights=w)

    def without(self, fold: int) -> "_Surface":
        """One step away from the votes of one fold."""
        return replace(self, votes=self.votes.without(fold)).newton(1)


@dataclass(frozen=True)
class _Head:
    """[features, base] @ smooth + intercept + gate * (height + u @ tilt), as the network has it."""

    smooth: Floats
    intercept: float
    height: float
    tilt: Floats

    @property
    def reach(self) -> float:
        """Largest absolute value of u @ tilt in the box."""
        return float(np.abs(self.tilt).sum())

    def output(self, design: Floats) -> Floats:
        """(n, 1), from [u, units, base, gate, gate * u]."""
        q, k = len(self.tilt), len(self.smooth)
        lean, gate = design[:, :q] @ self.tilt, design[:, k]
        above = np.maximum(lean + self.reach * (2.0 * gate - 1.0), 0.0)
        jump = above + (self.height - self.reach) * gate
        return np.asarray(design[:, :k] @ self.smooth + self.intercept + jump)[:, None]


@dataclass(frozen=True)
class _Work:
    """What the steps share: the fitting, its fit rows in random order, the standardized target."""

    fitting: Fitting
    rows: Ints
    target: Floats
    box: _Box
    rng: np.random.Generator

    def inside(self, rows: Ints) -> Floats:
        """(n, q), u of some rows."""
        return self.box.inside(self.fitting.X[rows])

    def units(self) -> _Units:
        """Wide units around the first fit rows."""
        Z = self.box.points(self.inside(self.rows[:FIRST_ROWS]))
        width = median_squared_distance(Z, self.rng)
        return _Units(self.box, Z[: min(MOST_UNITS, len(self.rows) // ROWS_PER_UNIT)], width)


@dataclass(frozen=True, slots=True)
class LevelSet:
    """One jump surface for a regression; None for classes, whose sides are the classes."""

    def fit(self, fitting: Fitting) -> Piece | None:
        """Ground test, alternation, head; see the module."""
        possible = fitting.target.task == "regression" and len(fitting.teacher.centers)
        if not possible or len(fitting.fit) < MIN_ROWS:
            return None
        work = _work(fitting)
        if not _steps_at_the_steep(work):
            return None
        units = work.units()
        _say(fitting, 0.1, "jump surface")
        surface = _alternate(work, units)
        if surface is None:
            return None
        _say(fitting, 0.6, "heights of the jump")
        return _piece(work, _Parts(units, surface))


def _say(fitting: Fitting, fraction: float, message: str) -> None:
    if fitting.progress is not None:
        fitting.progress(fraction, message)


def _work(fitting: Fitting) -> _Work:
    rng = np.random.default_rng([fitting.seed, 23])
    rows = rng.permutation(fitting.fit)
    target = fitting.target.columns()[:, 0]
    return _Work(fitting, rows, target, _box(fitting, rows), rng)


def _box(fitting: Fitting, rows: Ints) -> _Box:
    """The rows' range in the teacher's metric, weak directions lifted, cut around the median.

    The jump rules the metric; once it is modelled, directions of the smooth part count again.
    """
    metric = fitting.teacher.metric
    spread = (fitting.X[rows] @ metric).std(axis=0)
    strongest = max(float(spread.max()), 1e-300)
    metric = metric * np.maximum(1.0, WEAKEST / np.maximum(spread / strongest, 1e-6))
    Z = fitting.X[rows] @ metric
    median, reach = np.median(Z, axis=0), REACH * np.sqrt((Z.std(axis=0) ** 2).sum())
    low, high = np.maximum(Z.min(axis=0), median - reach), np.minimum(Z.max(axis=0), median + reach)
    return _Box(metric, (low + high) / 2.0, np.maximum((high - low) / 2.0, 1e-9))


def _steps_at_the_steep(work: _Work) -> bool:
    """Whether, where the teacher is steepest, the target lies beyond it on either side.

    A kernel bends where the target jumps, so that the residual's sign is that of the side.
    """
    rows = work.rows[:PROBE_ROWS]
    up, down = _both_sides(work, rows)
    steep = up - down >= np.quantile(up - down, 1.0 - STEEP_SHARE)
    bend = work.fitting.teacher.output(work.fitting.X[rows])[:, 0] - (up + down) / 2.0
    side = np.sign(bend[steep])
    beyond = (work.target[rows] - work.fitting.base[rows, 0])[steep]
    if min(side.std(), beyond.std()) == 0.0:
        return False
    return bool(np.corrcoef(side, beyond)[0, 1] > MIN_CORRELATION)


def _both_sides(work: _Work, rows: Ints) -> tuple[Floats, Floats]:
    """The teacher's values (n,) a step up and a step down its gradient, inside the data's box."""
    fitting = work.fitting
    X, known = fitting.X[rows], fitting.X[work.rows[:FIRST_ROWS]]
    spread = known.std(axis=0)
    way = spread * _gradient(fitting.teacher, X)
    way = spread * way / np.linalg.norm(way, axis=1, keepdims=True).clip(1e-300)
    low, high = known.min(axis=0), known.max(axis=0)
    up, down = (
        fitting.teacher.output((X + sign * STEP * way).clip(low, high))[:, 0] for sign in (1, -1)
    )
    return up, down


def _gradient(teacher: FittedTeacher, X: Floats) -> Floats:
    """(n, p), of the teacher's output in x."""
    Z = X @ teacher.metric
    s = squared_distances(torch.as_tensor(Z), torch.as_tensor(teacher.centers))
    slope = KERNELS[teacher.kernel].slope(s / teacher.squared_bandwidth).numpy()
    pull = slope * (2.0 / teacher.squared_bandwidth * teacher.weights[:, 0])
    in_z = Z * pull.sum(axis=1, keepdims=True) - pull @ teacher.centers
    return np.asarray(in_z @ teacher.metric.T + teacher.linear[:, 0])


class _Round(NamedTuple):
    """A surface, the ridge with its step, and that one's held-out loss."""

    surface: _Surface
    ridge: RidgeFit
    loss: float


def _alternate(work: _Work, units: _Units) -> _Surface | None:
    """Ridge with the step, labels from its fit, h from the labels, while held-out rows gain."""
    rows, held = work.rows[:MOST_ROWS], work.fitting.held
    F, F_held = units.features(work.inside(rows)), units.features(work.inside(held))
    y, y_held = work.target[rows], work.target[held]
    square = units.penalty()
    with_gate = scipy.linalg.block_diag(square, GATE_PENALTY)

    def judged(surface: _Surface) -> _Round:
        sums = gram_sums([(np.column_stack([F, _gate(surface.at(F))]), y[:, None])])
        gated = np.column_stack([F_held, _gate(surface.at(F_held))])
        return _Round(surface, *_least_loss(sums, with_gate, gated, y_held))

    best = judged(_first_surface(work, F, scipy.linalg.block_diag(FREE, square)))
    if best.loss > HOPELESS * float(work.fitting.target.loss(work.fitting.base[held], held)):
        return None
    penalty = LATER_PENALTIES[0]
    for _ in range(ALTERNATIONS):
        tried = judged(_relabelled(best, F, y, penalty))
        if tried.loss > WORTH_ANOTHER * best.loss:
            penalty /= 10.0
        best = min(best, tried, key=lambda one: one.loss)
        if penalty < LATER_PENALTIES[-1]:
            break
    return best.surface


def _first_surface(work: _Work, F: Floats, square: Floats) -> _Surface:
    """From the side that each target is nearer to, where the teacher is steep."""
    rows = work.rows[:FIRST_ROWS]
    y, F = work.target[rows], F[:FIRST_ROWS]
    up, down = _both_sides(work, rows)
    noise = _variance(y - work.fitting.base[rows, 0])
    odds = ((y - down) ** 2 - (y - up) ** 2) / (2.0 * noise)
    labels = expit(odds.clip(-CERTAIN, CERTAIN))
    steepness = (up - down - np.quantile(up - down, 0.6)).clip(0.0)
    votes = _Votes(
        F, labels, steepness * np.abs(2.0 * labels - 1.0) + LEAST_WEIGHT, np.arange(len(rows))
    )
    start = np.zeros(len(square))
    return _Surface(start, votes, square, FIRST_PENALTY).newton(FIRST_NEWTON_STEPS)


def _relabelled(last: _Round, F: Floats, y: Floats, penalty: float) -> _Surface:
    """A refit of h near the surface to the likelihood of either side."""
    h, height = last.surface.at(F), float(last.ridge.weights[-1, 0])
    rest = y - F @ last.ridge.weights[:-1, 0] - last.ridge.intercept[0]
    noise = _variance(rest - height * _gate(h))
    odds = ((rest**2 - (rest - height) ** 2) / (2.0 * noise)).clip(-CERTAIN, CERTAIN)
    labels = expit(odds + PRIOR_SHARE * h.clip(-PRIOR_CLIP, PRIOR_CLIP))
    near = np.argsort(np.abs(h), kind="stable")[:NEAR_ROWS]
    weights = np.abs(2.0 * labels - 1.0) + LEAST_WEIGHT
    votes = _Votes(F[near], labels[near], weights[near], near)
    return replace(last.surface, votes=votes, penalty=penalty).newton(NEWTON_STEPS)


def _variance(residuals: Floats) -> float:
    """Of the bulk, blind to the rows that a jump has thrown far off."""
    return max(float(np.median(np.abs(residuals)) / GAUSS_MAD) ** 2, 1e-12)


def _gate(h: Floats) -> Floats:
    return np.asarray(((h + RAMP) / (2.0 * RAMP)).clip(0.0, 1.0))


def _least_loss(
    sums: GramSums, square: Floats, F_held: Floats, y_held: Floats
) -> tuple[RidgeFit, float]:
    """The ridge of least squared error on held-out rows, and that error."""
    fits = list(ridge_path(sums, square, penalties=PENALTIES))
    errors = [F_held @ fit.weights[:, 0] + fit.intercept[0] - y_held for fit in fits]
    losses = [float((error**2).mean()) for error in errors]
    best = int(np.argmin(losses))
    return fits[best], losses[best]


@dataclass(frozen=True)
class _Parts:
    """All but the head."""

    units: _Units
    surface: _Surface

    def without(self, fold: int) -> "_Parts":
        """With the surface that did not see one fold."""
        return replace(self, surface=self.surface.without(fold))

    def design(self, u: Floats, base: Floats) -> Floats:
        """(n, q + m + 1 + 1 + q), [u, units, base, gate, gate * u]."""
        features = self.units.features(u)
        gate = _gate(self.surface.at(features))[:, None]
        return np.hstack([features, base, gate, gate * u])

    def penalty(self) -> Floats:
        """Of the design's columns."""
        gates = GATE_PENALTY * np.eye(1 + len(self.units.box.radius))
        return np.asarray(scipy.linalg.block_diag(self.units.penalty(), BASE_PENALTY, gates))


def _piece(work: _Work, parts: _Parts) -> Piece:
    """The head on what the model so far leaves, cross-fitted for the fit rows."""
    fitting, q, square = work.fitting, len(work.box.radius), parts.penalty()
    folds = [work.rows[fold::FOLDS] for fold in range(FOLDS)]
    apart = [parts.without(fold) for fold in range(FOLDS)]
    sums = [gram_sums(_designs(work, *pair)) for pair in zip(apart, folds, strict=True)]
    held = _designs(work, parts, fitting.held)
    F_held, rest = (np.concatenate(part) for part in zip(*held, strict=True))
    ridge, _ = _least_loss(_total(sums), square, F_held, rest[:, 0])
    penalties = [penalty for penalty in PENALTIES if penalty >= ridge.penalty]
    head = _head(ridge, q)
    outputs = np.zeros_like(fitting.base)
    _write(outputs, work, parts, head, np.setdiff1d(np.arange(len(outputs)), work.rows))
    for fold, rows in enumerate(folds):
        others = _total(sums[:fold] + sums[fold + 1 :])
        *_, fold_ridge = ridge_path(others, square, penalties=penalties)
        _write(outputs, work, apart[fold], _head(fold_ridge, q), rows)
    nodes, tensors = _nodes(parts, head, fitting.source)
    return Piece(nodes, tensors, nodes[-1].name, outputs[fitting.held], lambda: outputs)


def _designs(work: _Work, parts: _Parts, rows: Ints) -> Iterator[tuple[Floats, Floats]]:
    """Blocks of the design and of the residuals (b, 1)."""
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        base = work.fitting.base[block]
        yield parts.design(work.inside(block), base), work.target[block, None] - base


def _total(sums: list[GramSums]) -> GramSums:
    return reduce(add, sums)


def _head(ridge: RidgeFit, q: int) -> _Head:
    smooth, height, tilt = np.split(ridge.weights[:, 0], [-1 - q, -q])
    return _Head(smooth, float(ridge.intercept[0]), float(height[0]), tilt)


def _write(outputs: Floats, work: _Work, parts: _Parts, head: _Head, rows: Ints) -> None:
    designs = _designs(work, parts, rows)
    for start, (design, _) in zip(range(0, len(rows), BLOCK_ROWS), designs, strict=True):
        outputs[rows[start : start + BLOCK_ROWS]] = head.output(design)


def _nodes(parts: _Parts, head: _Head, source: str) -> tuple[tuple[Node, ...], dict[str, Array]]:
    """Box, units, h, gate, and the sum."""
    box = parts.units.box
    unit, tensors = affine_node(
        f"{NAME}.unit", INPUT, (box.metric / box.radius).T, -box.middle / box.radius
    )
    clip = Node(BOX, "clip", (unit.name,), {"low": -1.0, "high": 1.0})
    units, unit_tensors = parts.units.nodes(f"{NAME}.units")
    features = Node(f"{NAME}.features", "concat", (BOX, units[-1].name))
    w = parts.surface.weights
    h, h_tensors = affine_node(f"{NAME}.h", features.name, w[None, 1:], w[:1])
    ramp = np.array([-1.0 - RAMP, -RAMP, RAMP])
    gate, ramp_tensors = pwl_node(f"{NAME}.gate", h.name, ramp, np.array([0.0, 0.0, 1.0]))
    last, head_tensors = _head_nodes(head, (features.name, source, gate.name))
    tensors |= unit_tensors | h_tensors | ramp_tensors | head_tensors
    return (unit, clip, *units, features, h, gate, *last), tensors


def _head_nodes(head: _Head, inputs: tuple[str, str, str]) -> tuple[list[Node], dict[str, Array]]:
    """The gated height without a product, and everything added up."""
    features, source, gate = inputs
    join = Node(f"{NAME}.lean.inputs", "concat", (BOX, gate))
    weight = np.concatenate([head.tilt, [2.0 * head.reach]])
    lean, tensors = affine_node(f"{NAME}.lean", join.name, weight[None, :], np.array([-head.reach]))
    above = Node(f"{NAME}.above", "relu", (lean.name,))
    everything = Node(f"{NAME}.inputs", "concat", (features, source, above.name, gate))
    weight = np.concatenate([head.smooth, [1.0, head.height - head.reach]])
    total, more = affine_node(NAME, everything.name, weight[None, :], np.array([head.intercept]))
    return [join, lean, above, everything, total], {**tensors, **more}


PLUGIN: type[Correction] = LevelSet
