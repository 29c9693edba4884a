"""Trees learn the jumps that a base model leaves, and the piece is what it says."""

import inspect

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry import assembly
from app.science.mimicry import target as targets
from app.science.mimicry import teacher as teachers
from app.science.mimicry.correction import CORRECTIONS, Fitting, Piece, judge
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network, Task

CORRECTION = CORRECTIONS.get("boosted_trees")()


def jumps(n: int = 1200, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Rows (n, 3) and the number of the box, 0 to 2, that each is in."""
    rows = np.random.default_rng(seed).normal(size=(n, 3))
    return rows, (rows[:, 0] > 0.2).astype(np.int64) + (rows[:, 1] > -0.4)


def fitting(
    rows: Floats, y: NDArray[np.generic], task: Task, base: Floats | None = None
) -> Fitting:
    """With the linear teacher as the model so far."""
    teacher = teachers.fit(rows, y, task, names=("ridge",))
    target = teacher.target(y)
    fit, held = targets.holdout(target, 0)
    start = teacher.output(rows) if base is None else base
    return Fitting(rows, target, fit, held, start, teacher, seed=4)


def fitted(case: Fitting) -> Piece:
    piece = CORRECTION.fit(case)
    assert piece is not None
    return piece


def labels(codes: NDArray[np.int64], task: Task) -> NDArray[np.generic]:
    if task == "regression":
        return 100.0 + 7.0 * codes
    return np.minimum(codes, 1) if task == "binary" else codes


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_wins_where_the_target_jumps(task: Task) -> None:
    rows, codes = jumps()
    case = fitting(rows, labels(codes, task), task)

    verdict = judge(case, fitted(case))

    assert verdict.accepted
    assert verdict.after < 0.5 * verdict.before


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
def test_outputs_are_those_of_the_nodes(task: Task) -> None:
    rows, codes = jumps()
    case = fitting(rows, labels(codes, task), task)
    piece = fitted(case)

    base = assembly.copied(case.teacher, rows).then(piece.nodes, dict(piece.tensors))
    net = Network(task, 3, piece.output, case.target.classes, base.nodes, base.tensors)

    assert piece.outputs().shape == case.base.shape
    found = predict_raw(net, rows, dtype=torch.float64)
    assert found == pytest.approx(piece.outputs(), abs=1e-9)
    assert found[case.held] == pytest.approx(piece.held, abs=1e-9)


def test_a_binary_piece_moves_both_logits_by_half() -> None:
    rows, codes = jumps()
    piece = fitted(fitting(rows, labels(codes, "binary"), "binary"))

    assert piece.outputs()[:, 0] == pytest.approx(-piece.outputs()[:, 1])


def test_a_good_base_leaves_little_to_move() -> None:
    rows, codes = jumps()
    sure = 12.0 * np.eye(3)[codes]

    moved = fitted(fitting(rows, codes, "multiclass", np.zeros((len(rows), 3)))).held
    piece = CORRECTION.fit(fitting(rows, codes, "multiclass", sure))

    assert np.abs(moved).max() > 1.0
    assert piece is None or np.abs(piece.outputs()).max() < 0.3


def test_noise_is_not_accepted() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(1000, 3))
    case = fitting(rows, rng.normal(size=1000), "regression")

    piece = CORRECTION.fit(case)

    assert piece is None or not judge(case, piece).accepted


def test_the_targets_of_held_rows_are_not_learned() -> None:
    rows, codes = jumps()
    y = labels(codes, "regression").astype(np.float64)
    case = fitting(rows, y, "regression")
    y[case.held] = 100.0 + 7.0 * np.random.default_rng(1).integers(0, 3, len(case.held))
    wrong = fitting(rows, y, "regression")

    verdict = judge(wrong, fitted(wrong))

    assert verdict.after > 0.5


def test_the_same_seed_gives_the_same_piece() -> None:
    rows, codes = jumps()
    case = fitting(rows, labels(codes, "regression"), "regression")

    first, again = fitted(case), fitted(case)

    assert all((first.tensors[name] == again.tensors[name]).all() for name in first.tensors)


def test_too_few_rows_or_no_split_give_nothing() -> None:
    rows, codes = jumps(90)
    constant = np.ones((300, 2))
    y = np.linspace(0.0, 1.0, 300)

    assert CORRECTION.fit(fitting(rows, labels(codes, "regression"), "regression")) is None
    target = targets.make(y, "regression")
    fit, held = targets.holdout(target, 0)
    teacher = teachers.fit(rows, rows[:, 0], "regression", names=("ridge",))
    flat = Fitting(constant, target, fit, held, np.zeros((300, 1)), teacher, seed=0)
    assert CORRECTION.fit(flat) is None


def test_progress_rises() -> None:
    rows, codes = jumps()
    case = fitting(rows, labels(codes, "regression"), "regression")
    seen: list[float] = []

    CORRECTION.fit(Fitting(**{**vars(case), "progress": lambda share, _: seen.append(share)}))

    assert seen
    assert seen == sorted(seen)
    assert 0.0 <= seen[0] <= seen[-1] <= 1.0


def test_the_module_names_its_source() -> None:
    assert "boosted_trees" in CORRECTIONS.names()
    module = inspect.getmodule(type(CORRECTION))
    assert module is not None
    assert "Source:" in (module.__doc__ or "")
