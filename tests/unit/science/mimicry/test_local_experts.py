"""Local experts: the cover fits the rows, the features are what the docstring says they are."""

import numpy as np
import pytest
import torch

from app.science.linalg import gram_sums, ridge_gcv
from app.science.mimicry.motif import BOX, MOTIFS, MotifBlock, MotifContext, affine_node
from app.science.mimicry.motifs import local_experts
from app.science.relu_network.evaluate import load, run
from app.science.relu_network.network import Network, Node
from tests.unit.science.mimicry.samples import r2


def context(points: np.ndarray, values: np.ndarray | None = None) -> MotifContext:
    low, high = points.min(axis=0), points.max(axis=0)
    return MotifContext(
        middle=(low + high) / 2.0,
        radius=np.maximum((high - low) / 2.0, 1e-9),
        points=points,
        values=np.zeros((len(points), 1)) if values is None else values[:, None],
        kernel="gauss",
        squared_bandwidth=1.0,
        centers=points[:10],
        knots=64,
    )


def drawn(around: MotifContext, name: str = "local_experts", n_motifs: int = 200) -> MotifBlock:
    return MOTIFS.get(name)().draw(around, n_motifs, "motif", np.random.default_rng(0))


def features(
    around: MotifContext, block: MotifBlock, points: np.ndarray, dtype: torch.dtype = torch.float64
) -> np.ndarray:
    weight = np.diag(1.0 / around.radius)
    unit, tensors = affine_node("unit", "x", weight, -around.middle / around.radius)
    box = Node(BOX, "clip", (unit.name,), {"low": -1.0, "high": 1.0})
    tensors = {**tensors, **block.tensors}
    nodes = (unit, box, *block.nodes)
    network = Network("regression", points.shape[1], block.output, (), nodes, tensors)
    rows = torch.as_tensor(points, dtype=dtype)
    return run(network, load(network, dtype=dtype, device="cpu"), rows).double().numpy()


def plane_in_ten(n: int, seed: int) -> np.ndarray:
    """A curved surface of two dimensions in ten coordinates."""
    rng = np.random.default_rng(seed)
    flat = rng.uniform(-1.0, 1.0, (n, 2))
    return np.sin(flat @ np.random.default_rng(7).normal(size=(2, 10)))


def test_features_equal_gated_local_coordinates() -> None:
    points = np.random.default_rng(1).uniform(-1, 1, (400, 3))
    around = context(points)
    cells = local_experts.cover(points, 80, np.random.default_rng(0))
    k, d, _ = cells.directions.shape

    away = points[:, None] - cells.centers  # (n, k, q)
    gate = np.maximum(0.0, 1.0 - (away**2).sum(axis=2) / cells.radius**2)
    local = 1.0 + np.einsum("nkq,kdq->nkd", away, cells.directions) / cells.radius[:, None]
    local = np.concatenate([np.full((len(points), k, 1), 2.0), local.clip(0.0, 2.0)], axis=2)
    expected = np.maximum(0.0, local + 2.0 * gate[:, :, None] - 2.0)

    block = drawn(around, n_motifs=80)
    computed = features(around, block, points).reshape(len(points), k, d + 1)
    assert block.width == k * (d + 1)
    assert computed == pytest.approx(expected, abs=0.02)  # the squares are polygons
    assert expected.max() > 1.0


def test_every_row_lies_in_an_open_cell() -> None:
    points = np.random.default_rng(1).uniform(-1, 1, (3000, 2))
    around = context(points)
    block = drawn(around, n_motifs=150)
    gates = features(around, block, points)[:, ::3]
    assert gates.max(axis=1).min() > 0.5


def test_local_coordinates_follow_the_surface_not_the_space() -> None:
    cells = local_experts.cover(plane_in_ten(3000, seed=0), 200, np.random.default_rng(0))
    assert cells.directions.shape[1] in (2, 3)
    gram = cells.directions @ cells.directions.transpose(0, 2, 1)
    assert gram == pytest.approx(np.broadcast_to(np.eye(gram.shape[1]), gram.shape), abs=1e-9)


@pytest.mark.parametrize("n_motifs", [1, 2, 7, 60, 301])
@pytest.mark.parametrize("q", [1, 2, 8])
def test_the_width_is_about_what_was_asked(n_motifs: int, q: int) -> None:
    points = np.random.default_rng(2).normal(size=(2000, q))
    width = drawn(context(points), n_motifs=n_motifs).width
    assert 0.8 * n_motifs - 5 < width <= n_motifs + 1


@pytest.mark.parametrize(
    "points",
    [
        np.ones((50, 3)),
        np.repeat(np.eye(3), 20, axis=0),
        np.random.default_rng(0).normal(size=(2, 4)),
        np.random.default_rng(0).standard_t(1, size=(500, 3)),
    ],
)
def test_rows_that_coincide_or_scatter_give_finite_features(points: np.ndarray) -> None:
    around = context(points)
    found = features(around, drawn(around), points, torch.float32)
    assert np.isfinite(found).all()
    assert found.max() <= local_experts.CEILING * 1.05


def test_single_precision_computes_the_same_features() -> None:
    points = np.random.default_rng(3).uniform(-1, 1, (400, 4))
    around = context(points)
    block = drawn(around)
    single, double = (features(around, block, points, t) for t in (torch.float32, torch.float64))
    assert single == pytest.approx(double, abs=1e-3)


def test_the_same_seed_gives_the_same_block() -> None:
    around = context(np.random.default_rng(4).normal(size=(500, 3)))
    first, second = drawn(around), drawn(around)
    assert all((first.tensors[name] == second.tensors[name]).all() for name in first.tensors)


def target(points: np.ndarray) -> np.ndarray:
    wave = np.sin(3 * points[:, 0] + points[:, 1]) + points[:, 0] * points[:, 1]
    return np.asarray(wave + np.cos(2.5 * points[:, 2]) * (1 + points[:, 0]))


def score(name: str) -> float:
    rng = np.random.default_rng(5)
    points, new = rng.uniform(-1.5, 1.5, (2, 2000, 3))
    y = target(points) + 0.05 * rng.normal(size=len(points))
    around = context(points, y)
    block = drawn(around, name, n_motifs=240)
    ridge = ridge_gcv(gram_sums([(features(around, block, points), y[:, None])]))
    predicted = features(around, block, new) @ ridge.weights + ridge.intercept
    return r2(predicted[:, 0], target(new))


def test_a_ridge_head_on_local_experts_learns_a_smooth_target() -> None:
    ours = score("local_experts")
    assert ours > 0.97
    assert 1.0 - ours < 1.5 * (1.0 - score("swim"))
