"""Train a classifier of images: learn a body without labels, then solve a convex head.

Source: Thiry, Arbel, Belilovsky and Oyallon 2021, arXiv:2101.07528. Differs from the paper: heads
are solved, by ridge and L-BFGS, not trained by SGD.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.images import head as heads
from app.science.images import learn, span
from app.science.images.head import FeatureBlocks, Head, Problem
from app.science.images.network import Body, ImageNetwork
from app.science.images.pixels import Images, checked
from app.science.images.plan import Plan
from app.science.images.store import store
from app.science.linalg import Floats
from app.science.mimicry import target

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Fitted:
    """A network and what the held-out training rows said of its head before all rows were used."""

    network: ImageNetwork
    plan: Plan
    head: Head


def fit(images: NDArray[np.generic], codes: Ints, classes: Sequence[str], plan: Plan) -> Fitted:
    """Fit on most rows, choose the head on the held-out others, then refit on all.

    Parameters
    ----------
    images : uint8 (n, h, w, c)
    codes : (n,), class numbers from 0

    Raises
    ------
    UnusableImages
        No 8-bit images of a supported size, or too small for the plan.
    MemoryTooSmall
        The plan's features pass its memory.
    TooFewRows, DegenerateTarget
        Fewer than 20 images, or a single class.
    """
    pixels = checked(images)
    wanted = target.make(codes, "multiclass", tuple(classes))
    fit_rows, held = target.holdout(wanted, plan.seed)
    body = learn.body(pixels, plan)
    blocks, basis = _features(body, pixels, plan)
    problem = Problem(blocks, wanted.raw, wanted.n_outputs, fit_rows, held)
    found = _solved(problem)
    weights = found.weights if basis is None else basis @ found.weights
    network = ImageNetwork(
        body,
        wanted.classes,
        torch.from_numpy(np.ascontiguousarray(weights.T)),
        torch.from_numpy(found.intercept),
    )
    return Fitted(network, plan, found)


def fit_number(images: NDArray[np.generic], y: NDArray[np.floating], plan: Plan) -> Fitted:
    """Fit a number by ridge on the same features; raises as ``fit``.

    ``error`` and ``loss`` of the head are the held-out squared error over the variance.

    Parameters
    ----------
    y : (n,), finite
    """
    pixels = checked(images)
    wanted = target.make(y, "regression")
    fit_rows, held = target.holdout(wanted, plan.seed)
    body = learn.body(pixels, plan)
    blocks, basis = _features(body, pixels, plan)
    found = heads.number(blocks, wanted.columns(), fit_rows, held)
    weights = found.weights if basis is None else basis @ found.weights
    network = ImageNetwork(
        body,
        (),
        torch.from_numpy(np.ascontiguousarray(weights.T) * wanted.scale),
        torch.from_numpy(found.intercept * wanted.scale + wanted.center),
        "regression",
    )
    return Fitted(network, plan, found)


def ridge_loss(images: NDArray[np.generic], codes: Ints, plan: Plan) -> float:
    """Held-out cross-entropy of a ridge head, which is quick: for a choice between plans.

    Raises
    ------
    UnusableImages, MemoryTooSmall, TooFewRows, DegenerateTarget
        See ``fit``.
    """
    pixels = checked(images)
    wanted = target.make(codes, "multiclass")
    fit_rows, held = target.holdout(wanted, plan.seed)
    blocks, _ = _features(learn.body(pixels, plan), pixels, plan)
    problem = Problem(blocks, wanted.raw, wanted.n_outputs, fit_rows, held)
    return heads.ridge(problem, problem.sums(fit_rows)).loss


def _solved(problem: Problem) -> Head:
    """Ridge, or logistic where its held-out loss is less, on all rows."""
    sums = problem.sums(problem.fit)
    ridge = heads.ridge(problem, sums)
    logistic = heads.logistic(problem, sums, ridge)
    best = min(ridge, logistic, key=lambda head: head.loss)  # errors of a few rows are coarse
    return heads.refit(problem, sums, best)


def _features(body: Body, images: Images, plan: Plan) -> tuple[FeatureBlocks, Floats | None]:
    """Blocks of features, and the basis (f, n) that they are coordinates in, if any.

    Fewer images than features that fit the memory are rotated into their span.
    """
    n, width = len(images), body.width
    if n >= width or 4 * 8 * n * width > plan.memory_bytes:
        return store(body, images, plan.memory_bytes).blocks, None
    rows = np.arange(n)
    features = np.concatenate([block.numpy() for _, block in body.blocks(images, rows)])
    basis = span.basis(features.astype(np.float64))
    inner = torch.as_tensor(features @ basis, dtype=torch.float32)
    return lambda rows: iter([(rows, inner[torch.from_numpy(rows)])]), basis
