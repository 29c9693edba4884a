"""The level-set motif finds a curved jump, leaves smooth targets alone and is what it says."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from app.science.mimicry import target as targets
from app.science.mimicry import teacher as teachers
from app.science.mimicry.correction import BASE, CORRECTIONS, Fitting, Piece, judge
from app.science.mimicry.corrections.level_set import LevelSet
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import INPUT, Network, Node

NOISE = 0.1


def a_fitting(jump: float, n: int = 1500, seed: int = 0) -> Fitting:
    """A smooth target in four coordinates plus a jump along a curved surface."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(-1, 1, (n, 4))
    smooth = np.sin(2.0 * rows[:, 0]) + rows[:, 1] * rows[:, 2] + 0.5 * np.cos(3.0 * rows[:, 3])
    y = (
        smooth
        + jump * (rows[:, 0] + rows[:, 1] ** 2 - 0.5 * rows[:, 2] > 0)
        + NOISE * rng.normal(size=n)
    )
    teacher = teachers.fit(rows, y, "regression", seed=seed, names=("nystrom_ridge",))
    target = teacher.target(y)
    fit, held = targets.holdout(target, seed)
    return Fitting(rows, target, fit, held, teacher.out_of_fold, teacher, seed)


@pytest.fixture(scope="module")
def jumping() -> Fitting:
    """One jump of 1.5 in noise of 0.1."""
    return a_fitting(jump=1.5)


@pytest.fixture(scope="module")
def piece(jumping: Fitting) -> Piece:
    """The piece for it."""
    found = CORRECTIONS.get("level_set")().fit(jumping)
    assert found is not None
    return found


def with_base_column(piece: Piece, p: int) -> Network:
    """The piece over rows [x, base], so that a test may choose the source's value."""
    pick = {"x_only.weight": np.eye(p + 1)[:p], "x_only.bias": np.zeros(p)}
    base = {f"{BASE}.weight": np.eye(p + 1)[p:], f"{BASE}.bias": np.zeros(1)}
    nodes = [Node("x_only", "affine", (INPUT,)), Node(BASE, "affine", (INPUT,))]
    for node in piece.nodes:
        inputs = tuple("x_only" if name == INPUT else name for name in node.inputs)
        nodes.append(replace(node, inputs=inputs))
    tensors = {**pick, **base, **piece.tensors}
    return Network("regression", p + 1, piece.output, (), tuple(nodes), tensors)


def test_a_curved_jump_costs_less_than_half_as_much(jumping: Fitting, piece: Piece) -> None:
    verdict = judge(jumping, piece, "level_set")
    noise = (NOISE / jumping.target.scale) ** 2

    assert verdict.accepted
    assert verdict.after - noise < 0.5 * (verdict.before - noise)


def test_outputs_of_the_fit_rows_have_not_seen_their_noise(jumping: Fitting, piece: Piece) -> None:
    fit = jumping.fit
    noise = (NOISE / jumping.target.scale) ** 2

    loss = jumping.target.loss(jumping.base[fit] + piece.outputs()[fit], fit)

    assert loss > noise
    assert loss < 0.7 * jumping.target.loss(jumping.base[fit], fit)


def test_the_nodes_compute_the_outputs(jumping: Fitting, piece: Piece) -> None:
    held = jumping.held
    rows = np.hstack([jumping.X[held], jumping.base[held]])

    network = with_base_column(piece, jumping.X.shape[1])

    double = predict_raw(network, rows, dtype=torch.float64)
    single = predict_raw(network, rows, dtype=torch.float32)
    assert np.abs(double - piece.held).max() < 5e-3
    assert np.sqrt(((single - double) ** 2).mean()) < 5e-3


def test_the_gate_is_one_or_zero_but_for_a_thin_ramp(jumping: Fitting, piece: Piece) -> None:
    held = jumping.held
    rows = np.hstack([jumping.X[held], jumping.base[held]])
    gate = replace(with_base_column(piece, jumping.X.shape[1]), output="level_set.gate")

    values = predict_raw(gate, rows, dtype=torch.float64)[:, 0]

    assert values.min() == pytest.approx(0.0, abs=1e-9)
    assert values.max() == pytest.approx(1.0, abs=1e-9)
    assert ((values > 0.01) & (values < 0.99)).mean() < 0.05


def test_the_gate_finds_the_surface(jumping: Fitting, piece: Piece) -> None:
    rows = np.random.default_rng(1).uniform(-1, 1, (1000, 4))
    gate = replace(with_base_column(piece, 4), output="level_set.gate")

    side = predict_raw(gate, np.hstack([rows, np.zeros((1000, 1))]))[:, 0] > 0.5

    upper = rows[:, 0] + rows[:, 1] ** 2 - 0.5 * rows[:, 2] > 0
    assert (side == upper).mean() > 0.95


def test_every_name_is_its_own(piece: Piece) -> None:
    names = [node.name for node in piece.nodes]

    assert all(name.startswith("level_set") for name in [*names, *piece.tensors])
    assert len(set(names)) == len(names)


def test_the_same_fitting_gives_the_same_piece(jumping: Fitting, piece: Piece) -> None:
    again = LevelSet().fit(jumping)

    assert again is not None
    np.testing.assert_array_equal(again.outputs(), piece.outputs())


def test_a_smooth_target_gives_no_ground() -> None:
    assert LevelSet().fit(a_fitting(jump=0.0)) is None


def test_classes_and_few_rows_are_left_alone(jumping: Fitting) -> None:
    codes = (jumping.X[:, 0] > 0).astype(np.int64)
    classes = replace(jumping, target=targets.make(codes, "binary"))

    assert LevelSet().fit(classes) is None
    assert LevelSet().fit(replace(jumping, fit=jumping.fit[:100])) is None
