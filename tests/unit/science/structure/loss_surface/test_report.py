"""The neighborhood of a network: invariance, meaning of each number, both side by side."""

import json

import numpy as np
import pytest

from app.science.errors import TooFewRows
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import Network, Node, Task
from app.science.structure.loss_surface.lipschitz import (
    lipschitz_bound,
    spectral_norm,
    spectral_norms,
)
from app.science.structure.loss_surface.neighborhood import (
    adaptive_sharpness,
    basin_radius,
)
from app.science.structure.loss_surface.report import LossSurface, compare, measure
from app.science.structure.loss_surface.sample import affordable_rows, loss_sample
from app.science.structure.loss_surface.surface import RelativeSurface
from tests.unit.science.structure.loss_surface import networks


def numbers(surface: LossSurface) -> list[float]:
    return [
        surface.loss,
        surface.trace.value,
        surface.trace.standard_error,
        surface.largest_eigenvalue,
        surface.head.effective_dimension,
        surface.basin_radius,
        *surface.sharpness.values(),
    ]


def look(network: Network, n_outputs: int = 1) -> LossSurface:
    sample = networks.sample(n_outputs)
    return measure(network, sample.X, sample.y, unit=sample.unit)


@pytest.mark.parametrize(("task", "n_outputs"), [("regression", 1), ("multiclass", 3)])
def test_rescaling_units_changes_no_number(task: Task, n_outputs: int) -> None:
    made = networks.layers([3, 8, 8, n_outputs])

    here = look(networks.mlp(made, task), n_outputs)
    there = look(networks.mlp(networks.rescaled(made), task), n_outputs)

    np.testing.assert_allclose(numbers(there), numbers(here), rtol=1e-6)


def test_the_unit_of_the_target_changes_no_number() -> None:
    made, sample = networks.layers([3, 8, 1]), networks.sample()
    weight, bias = made[-1]

    here = measure(networks.mlp(made), sample.X, sample.y, unit=sample.unit)
    scaled = networks.mlp([*made[:-1], (1e3 * weight, 1e3 * bias)])
    there = measure(scaled, sample.X, 1e3 * sample.y, unit=1e3 * sample.unit)

    np.testing.assert_allclose(numbers(there), numbers(here), rtol=1e-6)
    assert there.lipschitz_bound == pytest.approx(here.lipschitz_bound)


def test_at_the_basins_radius_the_loss_has_risen_by_a_tenth() -> None:
    sample = networks.sample()
    design = np.column_stack([sample.X, np.ones(len(sample.X))])
    solution = np.linalg.lstsq(design, sample.y, rcond=None)[0]
    network = networks.mlp([(solution[None, :-1], solution[-1:])])
    surface = RelativeSurface(network, sample)
    curvature = float(measure(network, sample.X, sample.y, unit=sample.unit).head.trace)

    radius = basin_radius(surface, trace=curvature, rng=np.random.default_rng(0))

    expected = np.sqrt(2.0 * 0.1 * surface.here() / curvature)  # a parabola around the minimum
    assert 0.5 * expected < radius < 2.0 * expected


@pytest.mark.parametrize("trace", [1e-9, 1e9, 0.0])
def test_the_basin_is_found_from_any_start(trace: float) -> None:
    surface = RelativeSurface(networks.mlp(networks.layers([3, 8, 1])), networks.sample())

    found = basin_radius(surface, trace=trace, rng=np.random.default_rng(0))

    near = basin_radius(surface, trace=1.0, rng=np.random.default_rng(0))
    assert found == pytest.approx(near, rel=0.1)


def test_sharpness_rises_with_the_step() -> None:
    surface = RelativeSurface(networks.mlp(networks.layers([3, 8, 1])), networks.sample())

    rises = list(adaptive_sharpness(surface, (0.01, 0.05, 0.1)).values())

    assert 0.0 < rises[0] < rises[1] < rises[2]


def test_spectral_norms_and_their_product() -> None:
    made = networks.layers([3, 8, 8, 1])
    network = networks.mlp(made)
    expected = [float(np.linalg.norm(weight, 2)) for weight, _ in made]

    norms = spectral_norms(network)

    assert list(norms.values()) == pytest.approx(expected)
    assert lipschitz_bound(network, norms) == pytest.approx(np.prod(expected))
    assert spectral_norm(np.zeros((2, 3))) == 0.0
    assert spectral_norm(1e200 * np.eye(2)) == pytest.approx(1e200)


def test_the_bound_holds_for_a_copied_teacher() -> None:
    sample = networks.sample(n=200)
    network = networks.copied(sample.X)

    found = measure(network, sample.X, sample.y, unit=sample.unit)

    step = 1e-4 * np.random.default_rng(0).normal(size=sample.X.shape)
    gap = predict_raw(network, sample.X + step) - predict_raw(network, sample.X)
    slopes = np.abs(gap[:, 0]) / np.linalg.norm(step, axis=1) / sample.unit
    assert 0.0 < slopes.max() <= found.lipschitz_bound
    assert found.head.head == "base"
    assert found.basin_radius > 0.0


def test_trees_are_left_out_and_it_is_said() -> None:
    network, sample = networks.corrected(), networks.sample()

    found = measure(network, sample.X, sample.y, unit=sample.unit)

    assert found.has_trees
    assert "Trees are constant" in found.notes[-1]
    assert found.n_weights == 3 * 6 + 6 + 1
    assert found.n_weights + found.n_fixed == network.n_parameters
    assert not look(networks.mlp(networks.layers([3, 4, 1]))).has_trees


def test_slopes_add_up_over_sums_and_joins() -> None:
    nodes = (
        Node("join", "concat", ("x", "x")),
        Node("sum", "add", ("join", "join")),
        Node("square", "square", ("sum",), {"pieces": 8.0}),
    )
    network = Network("regression", 1, "square", (), nodes, {})

    assert lipschitz_bound(network, {}) == pytest.approx(2.0 * 2.0 * np.sqrt(2.0))


def test_both_networks_side_by_side() -> None:
    flat, sharp = look(networks.mlp(networks.layers([3, 8, 1]))), cancelling()

    found = compare(sharp, flat)

    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    lines = {line["name"]: line for line in document["lines"]}
    assert lines["basin radius"]["ratio"] < 1.0
    assert lines["trace of the Hessian"]["ours"] == sharp.trace.value
    assert "The SGD network lies in the flatter place." in found.sentence
    assert "about as flat" in compare(flat, flat).sentence
    assert "not which network errs less" in document["caution"]


def cancelling() -> LossSurface:
    """The same function as a small difference of large terms."""
    weight, bias = networks.layers([3, 8, 1])[0]
    head, offset = networks.layers([3, 8, 1])[1]
    doubled = (np.vstack([weight, weight]), np.concatenate([bias, bias]))
    return look(networks.mlp([doubled, (np.hstack([101.0 * head, -100.0 * head]), offset)]))


def test_wide_networks_are_looked_at_on_fewer_rows() -> None:
    wide = networks.mlp(networks.layers([3, 3000, 1]))

    assert affordable_rows(wide) == 333
    assert affordable_rows(networks.mlp(networks.layers([3, 8, 1]))) > 2000
    with pytest.raises(TooFewRows):
        loss_sample(np.zeros((5, 3)), np.zeros(5))
