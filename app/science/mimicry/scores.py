"""From least-squares scores of classes to logits: one factor and one offset a class, convex.

Source: Platt 1999, "Probabilistic outputs for support vector machines". Differs from the paper:
multinomial, one shared factor, fitted on out-of-fold scores.
"""

from dataclasses import dataclass

import numpy as np
import scipy.optimize

from app.science.linalg import Floats
from app.science.mimicry.target import Ints


@dataclass(frozen=True)
class Logits:
    """logits = factor * scores + offset; offset : (c,)."""

    factor: float
    offset: Floats

    def apply(self, scores: Floats) -> Floats:
        """(b, c)."""
        return self.factor * scores + self.offset


def fit(scores: Floats, codes: Ints) -> Logits:
    """Minimize the mean cross-entropy.

    Parameters
    ----------
    scores : (n, c); codes : (n,), class numbers
    """

    def objective(point: Floats) -> tuple[float, Floats]:
        loss, slope = cross_entropy(point[0] * scores + point[1:], codes)
        return loss, np.concatenate([[(slope * scores).sum()], slope.sum(axis=0)])

    start = np.concatenate([[5.0], np.zeros(scores.shape[1])])
    found = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B").x
    return Logits(float(found[0]), found[1:])


def cross_entropy(logits: Floats, codes: Ints) -> tuple[float, Floats]:
    """Mean over the rows, in nats, and its gradient (n, c) with respect to the logits (n, c)."""
    rows = np.arange(len(codes))
    lowered = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(lowered)
    total = powers.sum(axis=1)
    slope = powers / total[:, None]
    slope[rows, codes] -= 1.0
    return float((np.log(total) - lowered[rows, codes]).mean()), slope / len(codes)
