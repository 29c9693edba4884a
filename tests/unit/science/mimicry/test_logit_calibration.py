"""Logits that are sure in the wrong way are put right, from rows that the model had not seen."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import log_softmax

from app.science.linalg import Floats
from app.science.mimicry import assembly
from app.science.mimicry import target as targets
from app.science.mimicry import teacher as teachers
from app.science.mimicry.correction import CORRECTIONS, Fitting, Piece, judge
from app.science.mimicry.target import Ints
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network, Task

CORRECTION = CORRECTIONS.get("logit_calibration")()


def drawn(n_classes: int, n: int = 3000) -> tuple[Floats, Floats, Ints]:
    """Rows (n, 2), their true logits (n, c) and classes drawn from these."""
    rng = np.random.default_rng(n_classes)
    rows = rng.normal(size=(n, 2))
    logits = 2.0 * rows @ rng.normal(size=(2, n_classes))
    logits -= logits.mean(axis=1, keepdims=True)
    return rows, logits, np.argmax(logits + rng.gumbel(size=logits.shape), axis=1)


def fitting(rows: Floats, codes: Ints, base: Floats) -> Fitting:
    task: Task = "binary" if base.shape[1] == 2 else "multiclass"
    target = targets.make(codes, task)
    fit, held = targets.holdout(target, 0)
    teacher = teachers.fit(rows, codes, task, names=("ridge",))
    return Fitting(rows, target, fit, held, base, teacher, seed=0)


def fitted(case: Fitting) -> Piece:
    piece = CORRECTION.fit(case)
    assert piece is not None
    return piece


@pytest.mark.parametrize("n_classes", [2, 5])
def test_nearly_undoes_a_curve_of_the_logits(n_classes: int) -> None:
    rows, truth, codes = drawn(n_classes)
    case = fitting(rows, codes, np.tanh(truth / 2.0))

    verdict = judge(case, fitted(case))

    best = -log_softmax(truth, axis=1)[case.held, codes[case.held]].mean()
    assert verdict.accepted
    assert verdict.after - best < 0.1 * (verdict.before - best)


def test_separates_two_classes_that_lend_each_other_score() -> None:
    rows, truth, codes = drawn(5)
    lent = np.eye(5)
    lent[0, 1] = lent[1, 0] = 0.8
    case = fitting(rows, codes, truth @ lent)

    piece = fitted(case)

    before, after = case.base[case.held], case.base[case.held] + piece.held
    right = codes[case.held]
    assert (after.argmax(axis=1) == right).mean() > (before.argmax(axis=1) == right).mean() + 0.02
    assert judge(case, piece).accepted


def test_true_logits_are_left_alone() -> None:
    rows, truth, codes = drawn(4)
    case = fitting(rows, codes, truth)

    assert not judge(case, fitted(case)).accepted


def test_outputs_are_those_of_the_nodes() -> None:
    rows, truth, codes = drawn(3)
    case = fitting(rows, codes, truth)
    case = replace(case, base=case.teacher.output(rows))
    piece = fitted(case)

    parts = assembly.copied(case.teacher, rows).then(piece.nodes, dict(piece.tensors))
    net = Network("multiclass", 2, piece.output, case.target.classes, parts.nodes, parts.tensors)

    found = predict_raw(net, rows, dtype=torch.float64)
    assert np.abs(found).max() > 0.01
    assert found == pytest.approx(piece.outputs(), abs=1e-9)
    assert found[case.held] == pytest.approx(piece.held, abs=1e-9)


def test_no_weight_comes_from_held_out_rows() -> None:
    rows, truth, codes = drawn(3)
    case = fitting(rows, codes, np.tanh(truth))
    wrong = codes.copy()
    wrong[case.held] = np.random.default_rng(0).integers(0, 3, len(case.held))
    misled = fitting(rows, wrong, np.tanh(truth))

    assert np.abs(fitted(misled).outputs()).max() < np.abs(fitted(case).outputs()).max()
    assert not judge(misled, fitted(misled)).accepted


def test_a_regression_and_few_rows_give_nothing() -> None:
    rows, truth, codes = drawn(5, n=100)
    teacher = teachers.fit(rows, truth[:, 0], "regression", names=("ridge",))
    target = teacher.target(truth[:, 0])
    fit, held = targets.holdout(target, 0)
    numbers = Fitting(rows, target, fit, held, truth[:, :1], teacher, seed=0)

    assert CORRECTION.fit(numbers) is None
    assert CORRECTION.fit(fitting(rows, codes, truth)) is None
