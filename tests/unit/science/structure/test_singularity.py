from dataclasses import replace

import numpy as np
import pytest

from app.science.mimicry.metric import scaled
from app.science.structure.contest import Contest, Round
from app.science.structure.noise import Estimate
from app.science.structure.probe import Shape
from app.science.structure.singularity import judge

SPREAD = np.random.default_rng(0).uniform(0.9, 1.1, 500)


def race(n: int, kernel: float, trees: float, corrected: float) -> Round:
    rng = np.random.default_rng(n)
    kernel_errors = kernel * SPREAD
    return Round(
        n,
        kernel_errors,
        kernel_errors * (trees / kernel) * rng.uniform(0.95, 1.05, 500),
        kernel_errors * (corrected / kernel) * rng.uniform(0.95, 1.05, 500),
    )


def contest(*losses: tuple[float, float, float]) -> Contest:
    shape = Shape(scaled(np.ones(2), "columns"), "gauss", 1.0)
    sizes = (250, 500, 1000, 1600)
    rounds = tuple(race(n, *each) for n, each in zip(sizes, losses, strict=True))
    return Contest(shape, rounds, 3.0)


TREES_WIN = contest((0.6, 0.5, 0.5), (0.5, 0.4, 0.4), (0.45, 0.3, 0.3), (0.42, 0.25, 0.25))
KERNEL_WINS = contest((0.4, 0.6, 0.4), (0.3, 0.5, 0.3), (0.2, 0.4, 0.2), (0.15, 0.35, 0.15))
KERNEL_NOT_DONE = contest((0.4, 0.6, 0.4), (0.3, 0.5, 0.26), (0.2, 0.45, 0.175), (0.1, 0.4, 0.09))
CLEAR_JUMP, CLEAR_SMOOTH = Estimate(1.2, 1.0, 1.4), Estimate(1.97, 1.9, 2.05)
WIDE = Estimate(1.7, 1.2, 2.0)


@pytest.mark.parametrize(
    ("index", "races", "side", "confidence"),
    [
        (CLEAR_JUMP, TREES_WIN, "jump", "high"),
        (CLEAR_SMOOTH, KERNEL_WINS, "smooth", "high"),
        (CLEAR_JUMP, KERNEL_WINS, "jump", "low"),
        (CLEAR_SMOOTH, TREES_WIN, "smooth", "low"),
        (WIDE, TREES_WIN, "jump", "medium"),
        (None, KERNEL_WINS, "smooth", "medium"),
        (CLEAR_SMOOTH, KERNEL_NOT_DONE, "smooth", "medium"),
        (None, KERNEL_NOT_DONE, "undecided", "low"),
    ],
)
def test_the_index_decides_where_it_is_clear_and_the_contest_where_not(
    index: Estimate | None, races: Contest, side: str, confidence: str
) -> None:
    verdict = judge(index, races)

    assert (verdict.side, verdict.confidence) == (side, confidence)


def test_a_lead_within_the_noise_of_the_rows_says_nothing() -> None:
    rng = np.random.default_rng(1)
    noisy = replace(TREES_WIN.last, corrected=TREES_WIN.last.kernel * rng.uniform(0.0, 1.9, 500))
    noisy = replace(noisy, trees=noisy.corrected)
    verdict = judge(None, replace(TREES_WIN, rounds=(*TREES_WIN.rounds[:-1], noisy)))

    assert verdict.witnesses[1].says == "undecided"
