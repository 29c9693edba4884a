"""Fit one categorical column: a one-hot code for few levels, a target encoding for many.

A level's target encoding is its mean target, pulled toward the overall mean as if it had
``SMOOTHING`` more average rows. A row's own target must not reach its own input, so the
training rows get the mean of the other folds; the stored table holds the mean of all rows.

Source: Micci-Barreca 2001, doi:10.1145/507533.507538 (m-estimate). Differs from the paper: out
of fold in training, and a standardized log-frequency beside the means.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.apply import level_codes
from app.science.encoding.encoding import CategoricalColumn

MAX_ONE_HOT = 32
RARE_ROWS, RARE_SHARE = 5, 0.001
SMOOTHING = 10.0
N_FOLDS = 5
MIN_ENCODED_ROWS = 2  # out of fold, the only row of a level is an unknown one anyway


@dataclass(frozen=True)
class FittedColumn:
    """A column with its training rows encoded, (n, width); for target encodings out of fold."""

    column: CategoricalColumn
    matrix: NDArray[np.float64]


def level_counts(values: NDArray[Any]) -> tuple[dict[str, int], int]:
    """Rows of each level in order of name, and the number of missing rows."""
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    levels = {level: n for level, n in counts.items() if isinstance(level, str)}
    return dict(sorted(levels.items())), len(values) - sum(levels.values())


def one_hot(
    name: str, values: NDArray[Any], counts: dict[str, int], n_missing: int
) -> FittedColumn | str:
    """One output a level, or the reason why none has enough rows.

    Missing values get an output of their own when they are frequent. An unknown level answers
    with zeros if training saw enough rare ones, else with the average row, which no network
    finds strange. Two levels that cover all rows need one output only.
    """
    enough = max(RARE_ROWS, RARE_SHARE * len(values))
    levels = tuple(level for level, n in counts.items() if n >= enough)
    if not levels:
        return f"no level has {enough:.0f} rows"
    own_missing = n_missing >= enough
    n_other = len(values) - sum(counts[level] for level in levels) - own_missing * n_missing
    if len(levels) + own_missing + (n_other > 0) < 2:
        return "constant"
    width = len(levels) + own_missing
    table = np.zeros((len(levels) + 2, width))
    table[: len(levels), : len(levels)] = np.eye(len(levels))
    if n_other < enough:
        shares = [counts[level] for level in levels] + [n_missing] * own_missing
        table[-2:] = np.asarray(shares) / sum(shares)
    if own_missing:
        table[-1] = np.eye(width)[-1]
    column = CategoricalColumn(name, levels, table[:, :1] if width == 2 and n_other == 0 else table)
    return FittedColumn(column, column.table[level_codes(values, levels)])


def target_encoded(
    name: str,
    values: NDArray[Any],
    counts: dict[str, int],
    outputs: NDArray[np.float64],
    rng: np.random.Generator,
) -> FittedColumn | str:
    """Mean outputs of each level and the log of its frequency, each standardized if it varies.

    Parameters
    ----------
    outputs : (n, c), the target or one indicator a class
    rng : draws the folds
    """
    levels = tuple(level for level, n in counts.items() if n >= MIN_ENCODED_ROWS)
    codes = level_codes(values, levels)
    means, out_of_fold = _means(codes, len(levels), outputs, rng)
    n_rows = np.bincount(codes, minlength=len(levels) + 2)
    n_rows[-2] = 1  # an unknown level counts as one that was seen once
    logs = np.log(np.maximum(n_rows, 1))[:, None]
    table = np.concatenate([means, logs], axis=1)
    matrix = np.concatenate([out_of_fold, logs[codes]], axis=1)
    center, spread = matrix.mean(axis=0), matrix.std(axis=0)
    kept = spread > 1e-9 * np.abs(center)
    if not kept.any():
        return "its levels differ neither in target nor in frequency"
    table, matrix = ((part - center)[:, kept] / spread[kept] for part in (table, matrix))
    return FittedColumn(CategoricalColumn(name, levels, table), matrix)


def _means(
    codes: NDArray[np.int64], n_levels: int, outputs: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Smoothed means: of all rows by code (levels + 2, c), and out of fold by row (n, c)."""
    folds = rng.permutation(len(codes)) % N_FOLDS
    cells, shape = folds * (n_levels + 2) + codes, (N_FOLDS, n_levels + 2)
    n_cells = N_FOLDS * (n_levels + 2)
    rows = np.bincount(cells, minlength=n_cells).reshape(shape).astype(np.float64)
    prior = outputs.mean(axis=0)
    means, out_of_fold = [], []
    for mean, output in zip(prior, outputs.T, strict=True):
        sums = np.bincount(cells, weights=output - mean, minlength=n_cells).reshape(shape)
        total, n_total = sums.sum(axis=0), rows.sum(axis=0)
        others, n_others = (total - sums)[folds, codes], (n_total - rows)[folds, codes]
        unknown = codes == n_levels
        out_of_fold.append(mean + np.where(unknown, 0.0, others / (n_others + SMOOTHING)))
        total[-2] = 0.0
        means.append(mean + total / (n_total + SMOOTHING))
    return np.stack(means, axis=1), np.stack(out_of_fold, axis=1)
