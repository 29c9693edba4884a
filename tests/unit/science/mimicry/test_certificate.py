"""What is proved is never below what is seen, for either kernel, precision and storage."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.science.mimicry import teacher as teachers
from app.science.mimicry.certificate import Certificate, certify
from app.science.mimicry.kernels import KERNELS, KernelName
from app.science.mimicry.motif import BOX, MOTIFS, MotifContext, affine_node, pwl_node
from app.science.mimicry.radial_bound import bound
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.network import INPUT, Network, Node, Task
from tests.unit.science.mimicry import samples

PRECISIONS = {torch.float64: 2.0**-53, torch.float32: 2.0**-24}


def drawn_teacher(
    kernel: KernelName, seed: int, *, n_outputs: int = 1, n_centers: int = 20
) -> tuple[FittedTeacher, np.ndarray]:
    """A kernel expansion with weights of both signs, and rows for its domain."""
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 5))
    q = int(rng.integers(1, p + 1))
    rows = rng.normal(size=(80, p)) * rng.uniform(0.1, 10.0, p) + rng.normal(size=p)
    metric = rng.normal(size=(p, q)) / rows.std(axis=0)[:, None]
    centers = rows[:n_centers] @ metric
    return FittedTeacher(
        name="drawn",
        task="regression" if n_outputs == 1 else "multiclass",
        classes=tuple("abc"[:n_outputs]) if n_outputs > 1 else (),
        seed=seed,
        center=float(rng.normal() * 100) if n_outputs == 1 else 0.0,
        scale=float(rng.uniform(0.1, 50.0)) if n_outputs == 1 else 1.0,
        kernel=kernel,
        squared_bandwidth=float(q * rng.uniform(0.1, 4.0)),
        penalty=1.0,
        effective_dof=1.0,
        validation_loss=1.0,
        ridge_validation_loss=None,
        metric=metric,
        centers=centers,
        weights=rng.normal(size=(n_centers, n_outputs)) + rng.normal(),
        linear=rng.normal(size=(p, n_outputs)) * rng.integers(0, 2),
        intercept=rng.normal(size=n_outputs),
        spectrum=np.ones(p) / p,
        details={},
    ), rows


def carried(
    teacher: FittedTeacher, rows: np.ndarray, knots: int = 64, motif: str = "radial"
) -> Network:
    """The teacher's own units and weights as a network, in float64."""
    points = rows @ teacher.metric
    low, high = points.min(axis=0), points.max(axis=0)
    middle, radius = (low + high) / 2.0, (high - low) / 2.0
    context = MotifContext(
        middle=middle,
        radius=radius,
        points=points,
        values=np.zeros((len(points), 1)),
        kernel=teacher.kernel,
        squared_bandwidth=teacher.squared_bandwidth,
        centers=teacher.centers,
        knots=knots,
    )
    m = len(teacher.centers)
    block = MOTIFS.get(motif)().draw(context, m, "radial", np.random.default_rng(0))
    unit, tensors = affine_node("unit", INPUT, (teacher.metric / radius).T, -middle / radius)
    box = Node(BOX, "clip", ("unit",), {"low": -1.0, "high": 1.0})
    features = Node("features", "concat", (INPUT, block.output))
    weight = np.hstack([teacher.linear.T, teacher.weights.T]) * teacher.scale
    bias = teacher.intercept * teacher.scale + teacher.center
    head, more = affine_node("head", "features", weight, bias)
    return Network(
        task=teacher.task,
        input_dim=rows.shape[1],
        output="head",
        classes=teacher.classes,
        nodes=(unit, box, *block.nodes, features, head),
        tensors={**tensors, **block.tensors, **more},
    )


def in_float32(network: Network) -> Network:
    stored = {name: np.asarray(value, np.float32) for name, value in network.tensors.items()}
    return replace(network, tensors=stored)


def changed(network: Network, name: str, value: np.ndarray) -> Network:
    return replace(network, tensors={**network.tensors, name: value})


def proved(certificate: Certificate) -> float:
    assert certificate.certified_sup is not None, certificate.reason
    return certificate.certified_sup


@settings(max_examples=12, deadline=None)
@given(
    kernel=st.sampled_from(["gauss", "laplace"]),
    seed=st.integers(0, 10**6),
    knots=st.sampled_from([3, 16, 200]),
    n_outputs=st.sampled_from([1, 3]),
    dtype=st.sampled_from(sorted(PRECISIONS, key=str)),
    stored=st.booleans(),
)
def test_nothing_seen_exceeds_what_is_proved(
    kernel: KernelName, seed: int, knots: int, n_outputs: int, dtype: torch.dtype, stored: bool
) -> None:
    teacher, rows = drawn_teacher(kernel, seed, n_outputs=n_outputs)
    network = carried(teacher, rows, knots)

    found = certify(teacher, in_float32(network) if stored else network, rows, seed=1, dtype=dtype)

    assert 0.0 < found.observed_rms <= found.observed_max <= proved(found)


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6), size=st.sampled_from([1e-9, 1e-4, 1e-2]))
def test_a_network_that_drifted_is_bounded_by_what_it_is(seed: int, size: float) -> None:
    teacher, rows = drawn_teacher("gauss", seed)
    network = carried(teacher, rows)
    for role in ("unit.bias", "radial.distance.weight", "radial.distance.bias", "head.bias"):
        noise = 1.0 + size * np.random.default_rng(seed).normal(size=network.tensors[role].shape)
        network = changed(network, role, network.tensors[role] * noise)

    found = certify(teacher, network, rows, seed=1)

    assert found.observed_max <= proved(found)


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_one_unit_in_one_dimension_is_bounded_tightly(kernel: KernelName) -> None:
    teacher, rows = drawn_teacher(kernel, 5, n_centers=1)
    teacher = replace(teacher, weights=np.ones((1, 1)), linear=0.0 * teacher.linear)

    found = certify(teacher, carried(teacher, rows, 16), rows, seed=1)

    assert proved(found) / 3.0 < found.observed_max <= proved(found)


@pytest.mark.parametrize("kernel", list(KERNELS))
def test_coarse_squares_are_bounded_tightly(kernel: KernelName) -> None:
    teacher, rows = drawn_teacher(kernel, 1, n_centers=3)
    teacher = replace(teacher, weights=np.ones((3, 1)))
    network = carried(teacher, rows, 500)
    node, tensors = pwl_node(
        "radial.square", BOX, np.linspace(-1, 1, 9), np.linspace(-1, 1, 9) ** 2
    )
    nodes = tuple(node if old.name == node.name else old for old in network.nodes)
    network = replace(network, nodes=nodes, tensors={**network.tensors, **tensors})

    found = certify(teacher, network, rows, seed=1)

    assert proved(found) / 4.0 < found.observed_max <= proved(found)


def test_a_moved_head_is_part_of_the_bound() -> None:
    teacher, rows = drawn_teacher("gauss", 1)
    network = carried(teacher, rows, 500)
    moved = changed(network, "head.bias", network.tensors["head.bias"] + 7.0)
    moved = changed(moved, "head.weight", moved.tensors["head.weight"] * (1.0 + 1e-6))

    found = certify(teacher, moved, rows, seed=1)

    assert 7.0 < found.observed_max <= proved(found) < 7.5


def test_more_knots_prove_more() -> None:
    teacher, rows = drawn_teacher("gauss", 3)
    bounds = [
        proved(certify(teacher, carried(teacher, rows, n), rows, seed=0)) for n in (32, 64, 128)
    ]

    assert bounds[1] < bounds[0] / 3.0
    assert bounds[2] < bounds[1] / 3.0


def test_rounding_alone_remains_where_the_polygons_are_fine() -> None:
    teacher, rows = drawn_teacher("gauss", 3)
    network, reach = carried(teacher, rows), np.abs(rows).max(axis=0)

    fine = bound(teacher, network, reach, teacher.scale, PRECISIONS[torch.float64])
    coarse = bound(teacher, network, reach, teacher.scale, PRECISIONS[torch.float32])

    assert 0.0 < fine.rounding < 1e-9 * teacher.scale
    assert 1e4 * fine.rounding < coarse.rounding < 1e-2 * teacher.scale
    assert fine[:3] == coarse[:3]


@pytest.mark.parametrize(
    ("task", "n_classes"), [("regression", 0), ("binary", 2), ("multiclass", 3)]
)
def test_a_support_vector_teacher_is_certified(task: Task, n_classes: int) -> None:
    rows, y = samples.rings(n_classes, 400) if n_classes else samples.smooth(300)
    teacher = teachers.fit(rows, y, task, names=("support_vector",))

    found = certify(teacher, carried(teacher, rows, 256), rows, seed=1)

    assert found.observed_rms < found.observed_max <= proved(found)
    assert proved(found) < 1e-3 * teacher.scale * teacher.details["weight_norm_1"]


def test_a_temperature_belongs_to_the_teacher() -> None:
    teacher, rows = drawn_teacher("gauss", 2, n_outputs=3)
    network = carried(teacher, rows)
    for role in ("head.weight", "head.bias"):
        network = changed(network, role, 0.5 * network.tensors[role])

    assert certify(teacher, network, rows, seed=0).certified_sup is None
    assert proved(certify(teacher, network, rows, seed=0, temperature=0.5)) < 1.0


def test_a_head_solved_again_is_only_observed() -> None:
    teacher, rows = drawn_teacher("gauss", 2)
    network = carried(teacher, rows)

    found = certify(
        teacher,
        changed(network, "head.weight", 1.01 * network.tensors["head.weight"]),
        rows,
        seed=0,
    )

    assert found.certified_sup is None
    assert "weights are not the teacher's" in found.reason
    assert found.observed_max > 0.0
    assert json.loads(json.dumps(found.to_json()))["certified_sup"] is None


@pytest.mark.parametrize("motif", ["swim", "pwl_wave"])
def test_other_motifs_are_only_observed(motif: str) -> None:
    teacher, rows = drawn_teacher("gauss", 2)

    found = certify(teacher, carried(teacher, rows, motif=motif), rows, seed=0)

    assert found.certified_sup is None
    assert "radial" in found.reason
    assert found.observed_rms < found.observed_max


def test_units_of_other_centers_are_not_certified() -> None:
    teacher, rows = drawn_teacher("gauss", 2)
    fewer = replace(teacher, centers=teacher.centers[:9], weights=teacher.weights[:9])

    found = certify(teacher, carried(fewer, rows), rows, seed=0)

    assert found.certified_sup is None
    assert "9 kernel units" in found.reason


def test_something_added_to_the_copy_is_not_certified() -> None:
    teacher, rows = drawn_teacher("gauss", 2)
    network = carried(teacher, rows)
    p = rows.shape[1]
    bump, tensors = affine_node("bump", INPUT, np.ones((1, p)), np.zeros(1))
    nodes = (bump, Node("kink", "relu", ("bump",)), Node("sum", "add", ("head", "kink")))
    corrected = replace(
        network,
        nodes=(*network.nodes, *nodes),
        output="sum",
        tensors={**network.tensors, **tensors},
    )

    found = certify(teacher, corrected, rows, seed=0)

    assert found.certified_sup is None
    assert "'kink'" in found.reason


def test_the_ascent_finds_more_than_random_points_and_repeats() -> None:
    teacher, rows = drawn_teacher("laplace", 2)
    network = carried(teacher, rows)

    first, second = (certify(teacher, network, rows, seed=4) for _ in range(2))

    assert first == second
    assert first.observed_max > 2.0 * first.observed_rms
