import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from app.science.linalg import Floats
from app.science.relu_network.evaluate import predict_raw
from app.science.relu_network.network import INPUT, Network, Node
from app.science.structure.invariance import pooling, sorting_network
from app.science.structure.invariance.group import Group, GroupTooLarge
from app.science.structure.invariance.layout import PointSets
from app.science.structure.invariance.nodes import Nodes
from app.science.structure.invariance.quotient import averaged, behind, canonical_form
from app.science.structure.invariance.signed_permutation import (
    SignedPermutation,
    flip,
    permutation,
    swap,
)


def group(generators: Sequence[SignedPermutation], center: Floats) -> Group:
    made = Group((), center)
    for generator in generators:
        made = made.with_generator(generator)
    return made


def evaluated(nodes: Nodes, x: Floats, width: int) -> Floats:
    names = tuple(str(k) for k in range(width))
    network = Network("multiclass", x.shape[1], nodes.output, names, nodes.nodes, nodes.tensors)
    return predict_raw(network, x, dtype=torch.float64)


def random_network(p: int, rng: np.random.Generator) -> Network:
    hidden, kink, out = (
        Node("hidden", "affine", (INPUT,)),
        Node("kink", "relu", ("hidden",)),
        Node("out", "affine", ("kink",)),
    )
    tensors = {
        "hidden.weight": rng.standard_normal((7, p)),
        "hidden.bias": rng.standard_normal(7),
        "out.weight": rng.standard_normal((1, 7)),
        "out.bias": rng.standard_normal(1),
    }
    return Network("regression", p, "out", (), (hidden, kink, out), tensors)


@pytest.mark.parametrize("k", range(1, 11))
def test_the_sorting_network_sorts_every_zero_one_row(k: int) -> None:
    rows = np.array(list(itertools.product([0.0, 1.0], repeat=k)))
    found = rows.copy()
    for layer in sorting_network.layers(k):
        assert len({end for pair in layer for end in pair}) == 2 * len(layer)
        for low, high in layer:
            pair = found[:, [low, high]]
            found[:, low], found[:, high] = pair.max(axis=1), pair.min(axis=1)

    np.testing.assert_array_equal(found, sorting_network.descending(rows))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_nodes_equal_the_canonical_form_and_forget_the_group(seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = 9
    generators = [swap(p, *rng.choice(p, 2, replace=False)) for _ in range(4)]
    generators += [flip(p, [j]) for j in rng.choice(p, 2, replace=False)]
    made = group(generators, rng.standard_normal(p))
    form = canonical_form(made)
    assert form is not None
    x = rng.standard_normal((40, p))

    rows = form(x)

    np.testing.assert_allclose(evaluated(form.nodes(), x, p), rows, rtol=0, atol=1e-12)
    for g in generators:
        np.testing.assert_allclose(form(g(x, made.center)), rows, rtol=0, atol=1e-12)
    np.testing.assert_allclose(form(rows), rows, rtol=0, atol=1e-12)


def test_order_of_blocks_counts_places_and_signs() -> None:
    made = group([swap(6, 0, 1), swap(6, 1, 2), flip(6, [2]), flip(6, [5])], np.zeros(6))

    assert made.order == 6 * 8 * 2
    assert made.contains(swap(6, 0, 2))
    assert made.contains(flip(6, [0]))
    assert not made.contains(flip(6, [4]))
    assert not made.contains(swap(6, 0, 5))


def test_columns_of_a_block_share_their_center() -> None:
    made = group([swap(3, 0, 2)], np.array([0.0, 5.0, 1.0]))

    np.testing.assert_array_equal(made.center, [0.5, 5.0, 0.5])


def test_a_network_behind_the_canonical_form_reads_it() -> None:
    rng = np.random.default_rng(2)
    made = group([swap(4, 0, 3), swap(4, 1, 3), flip(4, [2])], np.zeros(4))
    form = canonical_form(made)
    assert form is not None
    network, x = random_network(4, rng), rng.standard_normal((30, 4))

    whole = behind(form.nodes(), network)

    expected = predict_raw(network, form(x), dtype=torch.float64)
    np.testing.assert_allclose(
        predict_raw(whole, x, dtype=torch.float64), expected, rtol=0, atol=1e-12
    )


def test_the_averaged_network_is_the_mean_over_the_group() -> None:
    rng = np.random.default_rng(3)
    turn = permutation(np.rot90(np.arange(9).reshape(3, 3)).ravel())
    made = group([turn, flip(9, range(9))], rng.standard_normal(9) * 0.0 + 0.3)
    network, x = random_network(9, rng), rng.standard_normal((20, 9))
    assert made.elements is not None

    mean = averaged(network, made)

    outputs = [predict_raw(network, g(x, made.center), dtype=torch.float64) for g in made.elements]
    found = predict_raw(mean, x, dtype=torch.float64)
    assert made.order == 8
    np.testing.assert_allclose(found, np.mean(outputs, axis=0), rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        predict_raw(mean, turn(x, made.center), dtype=torch.float64), found, rtol=0, atol=1e-12
    )


def test_a_group_too_large_to_average_says_so() -> None:
    shifts = [permutation(np.roll(np.arange(100), 1))]
    made = group(shifts, np.zeros(100))

    assert not made.usable
    with pytest.raises(GroupTooLarge, match="64"):
        averaged(random_network(100, np.random.default_rng(0)), made)


@pytest.mark.parametrize("n_points", [1, 2, 5])
def test_pooling_is_the_same_as_nodes_and_in_any_order(n_points: int) -> None:
    rng = np.random.default_rng(4)
    layout = PointSets(n_points, 3)
    x = rng.standard_normal((25, layout.n_points * layout.dim))
    pooled = pooling.draw(layout, x, rng, 6)
    shuffled = x.reshape(25, n_points, 3)[:, rng.permutation(n_points)].reshape(25, -1)

    rows = pooled(x)

    assert rows.shape == (25, pooled.width)
    np.testing.assert_allclose(pooled(shuffled), rows, rtol=0, atol=1e-12)
    np.testing.assert_allclose(evaluated(pooled.nodes(), x, pooled.width), rows, rtol=0, atol=1e-12)
