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
    rows = np.arange(len(codes))

    def objective(point: Floats) -> tuple[float, Floats]:
        logits = point[0] * scores + point[1:]
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        total = powers.sum(axis=1)
        loss = float((np.log(total) - logits[rows, codes]).mean())
        slope = powers / total[:, None]
        slope[rows, codes] -= 1.0
        slope /= len(codes)
        return loss, np.concatenate([[(slope * scores).sum()], slope.sum(axis=0)])

    start = np.concatenate([[5.0], np.zeros(scores.shape[1])])
    found = scipy.optimize.minimize(objective, start, jac=True, method="L-BFGS-B").x
    return Logits(float(found[0]), found[1:])
