"""Products, traces and spectra against the full Hessian of small networks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from app.science.errors import InvalidNetwork
from app.science.relu_network.network import Network, Node, Task
from app.science.structure.loss_surface.curvature import hutchinson_trace, largest_eigenvalue
from app.science.structure.loss_surface.head import (
    effective_dimension,
    head_spectrum,
    linear_head,
)
from app.science.structure.loss_surface.surface import RelativeSurface
from tests.unit.science.structure.loss_surface import networks

CASES: list[tuple[Task, int]] = [("regression", 1), ("binary", 2), ("multiclass", 3)]


def full_hessian(surface: RelativeSurface) -> np.ndarray:
    found = torch.autograd.functional.hessian(surface.loss, surface.still())  # type: ignore[no-untyped-call]
    return np.asarray(found.numpy())


@pytest.mark.parametrize(("task", "n_outputs"), CASES)
def test_products_are_those_of_the_hessian(task: Task, n_outputs: int) -> None:
    network = networks.mlp(networks.layers([3, 6, n_outputs]), task)
    surface = RelativeSurface(network, networks.sample(n_outputs))
    vector = torch.as_tensor(np.random.default_rng(0).normal(size=surface.size))

    found = surface.hessian()(vector).numpy()

    np.testing.assert_allclose(found, full_hessian(surface) @ vector.numpy(), atol=1e-9)


def test_relative_coordinates_are_the_weights_own_curvature_scaled() -> None:
    network = networks.mlp(networks.layers([3, 1]))
    sample = networks.sample()
    weight = network.tensors["affine0.weight"][0]
    plain = 2.0 * sample.X.T @ sample.X / len(sample.X) / sample.unit**2

    found = full_hessian(RelativeSurface(network, sample))

    np.testing.assert_allclose(found, plain * np.outer(weight, weight), rtol=1e-9)


def test_the_trace_is_within_its_error_and_the_error_honest() -> None:
    network = networks.mlp(networks.layers([3, 8, 1]))
    surface = RelativeSurface(network, networks.sample())
    exact, product = np.trace(full_hessian(surface)), surface.hessian()

    found = [
        hutchinson_trace(product, surface.size, rng=np.random.default_rng(seed))
        for seed in range(30)
    ]

    scores = np.array([(each.value - exact) / each.standard_error for each in found])
    assert (np.abs(scores) <= 2.0).mean() >= 0.85
    assert abs(scores.mean()) < 0.6


@pytest.mark.parametrize("widths", [[3, 8, 1], [2, 1]])
def test_the_largest_eigenvalue(widths: list[int]) -> None:
    network = networks.mlp(networks.layers(widths))
    surface = RelativeSurface(network, networks.sample(width=widths[0]))

    found = largest_eigenvalue(surface.hessian(), surface.size, rng=np.random.default_rng(0))

    assert found == pytest.approx(np.linalg.eigvalsh(full_hessian(surface))[-1], rel=1e-3)


@pytest.mark.parametrize(("task", "n_outputs"), CASES)
def test_the_heads_spectrum_is_exact(task: Task, n_outputs: int) -> None:
    network = networks.mlp(networks.layers([3, 6, n_outputs]), task)
    sample = networks.sample(n_outputs)
    hessian = full_hessian(RelativeSurface(network, sample, ["affine1.weight"]))

    found = head_spectrum(network, sample)

    assert found.head == "affine1"
    assert found.n_weights == 6 * n_outputs
    expected = np.linalg.eigvalsh(hessian)[::-1]
    np.testing.assert_allclose(found.eigenvalues, expected, atol=1e-10 * expected[0])


def test_the_effective_dimension_counts_what_the_rows_determine() -> None:
    assert effective_dimension(np.array([1e6, 1.0, 1e-6]), 1.0) == pytest.approx(1.5, abs=1e-5)
    assert effective_dimension(np.zeros(3), 0.0) == 0.0


def test_the_head_is_found_behind_trees_scaling_and_limits() -> None:
    network, sample = networks.corrected(), networks.sample()
    assert linear_head(network).name == "affine1"
    hessian = full_hessian(RelativeSurface(network, sample, ["affine1.weight"]))

    found = head_spectrum(network, sample)

    assert 0.0 < found.trace < head_spectrum(replace(network, output="scale"), sample).trace
    assert found.trace == pytest.approx(np.trace(hessian))


def test_a_network_without_affine_maps_is_refused() -> None:
    network = Network("regression", 3, "bend", (), (Node("bend", "relu", ("x",)),), {})

    with pytest.raises(InvalidNetwork):
        RelativeSurface(network, networks.sample())
    with pytest.raises(InvalidNetwork):
        linear_head(network)
