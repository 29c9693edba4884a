"""Whether a prediction gains from being averaged over a transformation, and loses nothing.

With f the cross-fitted teacher, s its average over the powers of g and a = f - s, the loss falls
by (y - f)^2 - (y - s)^2 = a^2 - 2 (y - s) a a row. Where the target is invariant, y - s and a are
uncorrelated and averaging removes the variance of a; where it is not, a predicts y - s. Three
one-sided tests on the same rows follow. That the moved columns matter: the loss rises when they
come from another row. That averaging is harmless, which has to be shown: its loss is less than
``MARGIN`` of that rise. And that nothing speaks against invariance: y - s and a correlate.

Source: Elesedy and Zaidi 2021, arXiv:2102.10333 (the gain of averaging is the norm of the
antisymmetric part); Holm 1979, "A simple sequentially rejective multiple test procedure".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from app.science.linalg import Floats
from app.science.structure.invariance.signed_permutation import SignedPermutation, cycle
from app.science.structure.invariance.teacher import CrossFit

MOST_POWERS = 8
MARGIN = 0.01
"""Averaging is harmless if it costs less than this share of what the moved columns explain."""
HOPELESS = 1e-4


@dataclass(frozen=True, slots=True)
class AveragingTest:
    """Averaging over one generator; losses are sums over outputs of squared errors.

    gain : mean fall of the loss; p_harm : of "averaging costs at least the margin";
    p_asymmetry : of "the target is invariant"; p_irrelevance : of "the moved columns tell
    nothing"
    """

    gain: float
    gain_se: float
    p_harm: float
    p_asymmetry: float
    p_irrelevance: float


def averaging_test(
    fitted: CrossFit, predicted: Floats, element: SignedPermutation, center: Floats
) -> AveragingTest:
    """Test one element.

    Parameters
    ----------
    predicted : (n, c), what ``fitted`` says of its own rows
    """
    others = cycle(element, MOST_POWERS)[1:]
    total = predicted + sum(fitted.predict(g(fitted.X, center)) for g in others)
    average = total / (1 + len(others))
    antisymmetric, residual = predicted - average, fitted.Y - average
    gain, se = cross_fitted_mean(fitted.losses(predicted) - fitted.losses(average))
    asymmetry = cross_fitted_mean((residual * antisymmetric).sum(axis=1))
    p_asymmetry = p_above_zero(*asymmetry)
    if p_asymmetry < HOPELESS:
        return AveragingTest(gain, se, 1.0, p_asymmetry, 1.0)
    rises = _scrambled(fitted, element) - fitted.losses(predicted)
    rise, rise_se = cross_fitted_mean(rises)
    p_harm = p_above_zero(gain + MARGIN * max(rise, 0.0), se)
    return AveragingTest(gain, se, p_harm, p_asymmetry, p_above_zero(rise, rise_se))


def _scrambled(fitted: CrossFit, element: SignedPermutation) -> Floats:
    """(n,), losses where the moved columns are those of the next row; rows are in random order."""
    X = fitted.X.copy()
    X[:, element.moved] = np.roll(X[:, element.moved], 1, axis=0)
    return fitted.losses(fitted.predict(X))


def mean_and_error(values: Floats) -> tuple[float, float]:
    """Mean of independent values (n,) and its standard error."""
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def cross_fitted_mean(values: Floats) -> tuple[float, float]:
    """Mean of values (n,) of two cross-fitted halves, and its standard error.

    What the first teacher errs on the second half and the second on the first are products of the
    same noises, so the halves do not count as independent: their errors are averaged as they are.
    """
    half = len(values) // 2
    halves = [mean_and_error(part) for part in (values[:half], values[half:])]
    mean, se = np.mean(halves, axis=0)
    return float(mean), float(se)


def p_above_zero(mean: float, se: float) -> float:
    """One-sided p-value of "the mean is at most zero"; 1 where nothing varies."""
    return float(stats.norm.sf(mean / se)) if se > 0 else 1.0


def holm(p_values: Sequence[float]) -> Floats:
    """Adjusted p-values (m,): those up to a level keep its family-wise error rate."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
