"""The kernel head: it learns what no line can, in the directions that matter, within its memory."""

import numpy as np
import pytest

from app.science import convex_heads, kernel_head
from app.science.linalg import Floats
from app.science.mimicry import head, target
from app.science.mimicry.target import Target
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.evaluate import predict, predict_raw

P = 8


def ring(n: int, seed: int = 0) -> tuple[np.ndarray, Target]:
    """Classes by the distance from the origin in two of ``P`` columns."""
    rows = np.random.default_rng(seed).normal(size=(n, P)).astype(np.float32)
    codes = (np.hypot(rows[:, 0], rows[:, 1]) > 1.2).astype(np.int64)
    return rows, target.make(codes, "binary", ("in", "out"))


def fitted(n: int = 800, memory_bytes: int = 2**28) -> tuple[FittedTeacher, Floats]:
    rows, wanted = ring(n)
    split = target.holdout(wanted, 0)
    return kernel_head.fit(rows, wanted, split, seed=0, memory_bytes=memory_bytes)


def test_it_tells_apart_what_no_line_can_and_keeps_the_directions_that_matter() -> None:
    teacher, scores = fitted()
    more, wanted = ring(1000, seed=1)
    assert (teacher.output(more).argmax(axis=1) == wanted.raw).mean() > 0.9
    assert scores.shape == (len(target.holdout(ring(800)[1], 0)[1]), 2)
    share = (teacher.metric**2).sum(axis=1)
    assert share[:2].sum() > 0.6 * share.sum()


def test_few_rows_are_all_centers_and_memory_limits_their_number() -> None:
    assert len(fitted()[0].centers) == 800
    assert len(fitted(memory_bytes=8 * kernel_head.N_SQUARES * 100**2)[0].centers) == 100


def test_as_a_head_it_wins_and_becomes_a_network_of_the_same_outputs() -> None:
    rows, wanted = ring(800)
    columns = head.Features(np.asarray, P)
    found, losses = convex_heads.solve(columns, rows, wanted, ("ridge", "kernel"), seed=0)
    assert found.name == "kernel"
    assert losses["kernel"] < 0.7 * losses["ridge"]
    more, truth = ring(500, seed=2)
    assert (predict(found.network, more).argmax(axis=1) == truth.raw).mean() > 0.9


def test_a_head_behind_an_affine_map_is_the_head_of_the_mapped_rows() -> None:
    rows, wanted = ring(300)
    columns = head.Features(np.asarray, P)
    found, _ = convex_heads.solve(columns, rows, wanted, ("kernel",), seed=0)
    rng = np.random.default_rng(3)
    weight, bias = rng.normal(size=(12, P)), rng.normal(size=P)
    x = rng.normal(size=(20, 12))
    behind = predict_raw(found.behind(weight, bias).network, x)
    np.testing.assert_allclose(behind, predict_raw(found.network, x @ weight + bias), rtol=1e-9)


def test_rows_with_nan_are_refused() -> None:
    rows, wanted = ring(100)
    rows[:, 0] = np.nan
    with pytest.raises(np.linalg.LinAlgError, match="NaN"):
        kernel_head.fit(rows, wanted, target.holdout(wanted, 0), seed=0, memory_bytes=2**28)
