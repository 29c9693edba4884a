"""Training, validation, calibration and test rows: drawn by a seed, or given by a column."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.errors import ScienceError, TooFewRows

MIN_ROWS = 50
MAX_VALIDATION_ROWS = 20_000
MIN_ROWS_TO_CALIBRATE = 1_000
CALIBRATION_SHARE, MIN_CALIBRATION_ROWS, MAX_CALIBRATION_ROWS = 0.05, 100, 2_000


@dataclass(frozen=True)
class Split:
    """Row numbers, each ascending and int64; together every usable row once.

    ``calibration`` rows fit and choose nothing: they tell afterwards how far predictions are off.
    There are none below 1,000 rows that are not test rows.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    calibration: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def parts(self) -> dict[str, NDArray[np.int64]]:
        """The four by name."""
        return {
            "train": self.train,
            "validation": self.validation,
            "calibration": self.calibration,
            "test": self.test,
        }


def random_split(
    n_rows: int,
    *,
    seed: int,
    labels: NDArray[np.int64] | None = None,
    validation_share: float = 0.15,
    test_share: float = 0.2,
) -> Split:
    """Draw the sets; with class codes in ``labels``, (n,), in the same shares per class.

    ``validation_share`` is a share of all rows, and stops at 20,000 rows.

    Raises
    ------
    TooFewRows
        Fewer than 50 rows.
    """
    _refuse_few(n_rows)
    rng = np.random.default_rng(seed)
    rows = np.arange(n_rows)
    rest, test = _part(rows, labels, test_share, rng)
    n_validation = min(validation_share * n_rows, MAX_VALIDATION_ROWS)
    return _without_test(rest, test, labels, n_validation, rng)


def given_split(
    is_test: NDArray[Any],
    *,
    seed: int,
    labels: NDArray[np.int64] | None = None,
    validation_share: float = 0.15,
) -> Split:
    """Take the test rows from a column of 0 (train) and 1 (test); draw validation from the rest.

    Raises
    ------
    TooFewRows
        Fewer than 50 rows.
    ScienceError
        The column holds other values, or leaves one side empty.
    """
    _refuse_few(len(is_test))
    flags = np.asarray(is_test)
    if set(np.unique(flags).tolist()) != {0, 1}:
        raise ScienceError("a split column holds 0 for train and 1 for test, and both occur")
    rest, test = np.flatnonzero(flags == 0), np.flatnonzero(flags == 1)
    n_validation = min(validation_share * len(flags), MAX_VALIDATION_ROWS, len(rest) / 2)
    return _without_test(rest, test, labels, n_validation, np.random.default_rng(seed))


def _without_test(
    rest: NDArray[np.int64],
    test: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    n_validation: float,
    rng: np.random.Generator,
) -> Split:
    """Draw validation and calibration rows from the rows that are not test rows."""
    n_calibration = 0.0
    if len(rest) >= MIN_ROWS_TO_CALIBRATE:
        wanted = max(CALIBRATION_SHARE * len(rest), MIN_CALIBRATION_ROWS)
        n_calibration = min(wanted, MAX_CALIBRATION_ROWS)
    train, validation = _part(rest, labels, n_validation / len(rest), rng)
    share = min(0.5, n_calibration / max(len(train), 1))
    train, calibration = _part(train, labels, share, rng)
    return Split(train=train, validation=validation, calibration=calibration, test=test)


def _refuse_few(n_rows: int) -> None:
    if n_rows < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=n_rows)


def _part(
    rows: NDArray[np.int64],
    labels: NDArray[np.int64] | None,
    share: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that stay, and ``share`` of them taken away, both ascending.

    Shuffled rows are sorted by class and every (1 / share)-th is taken, so that each class gives
    its share to within one row, and the total is right to one row however many classes there are.
    """
    shuffled = rng.permutation(rows)
    if labels is not None:
        shuffled = shuffled[np.argsort(labels[shuffled], kind="stable")]
    steps = np.floor(np.arange(len(rows) + 1) * share + rng.random())
    taken = np.diff(steps) > 0
    if labels is not None:
        taken &= ~_first_of_class(labels[shuffled])
    return np.sort(shuffled[~taken]), np.sort(shuffled[taken])


def _first_of_class(ordered: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Marks one row a class, which never leaves the training set."""
    return np.concatenate([[True], ordered[1:] != ordered[:-1]])
