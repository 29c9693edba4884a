import numpy as np

from app.science.structure.invariance.signed_permutation import (
    closure,
    cycle,
    flip,
    identity,
    permutation,
    swap,
)


def test_composition_is_one_after_the_other() -> None:
    x, center = np.random.default_rng(0).standard_normal((20, 4)), np.full(4, 0.7)
    first, second = swap(4, 0, 2), flip(4, [2, 3])

    np.testing.assert_allclose(
        second.after(first)(x, center), second(first(x, center), center), atol=1e-14
    )


def test_a_swap_keeps_the_values_wherever_the_centers_are() -> None:
    x = np.arange(6.0).reshape(2, 3)

    np.testing.assert_array_equal(swap(3, 0, 1)(x, np.array([9.0, -9.0, 0.0])), x[:, [1, 0, 2]])


def test_a_flip_is_about_its_center() -> None:
    x = np.array([[1.0, 5.0]])

    np.testing.assert_array_equal(flip(2, [0])(x, np.array([3.0, 0.0])), [[5.0, 5.0]])


def test_closure_has_all_elements_or_says_that_there_are_too_many() -> None:
    swaps = [swap(4, 0, 1), swap(4, 1, 2), swap(4, 2, 3)]

    assert len(closure(swaps, 4, 24) or ()) == 24
    assert closure(swaps, 4, 23) is None
    assert len(closure([*swaps[:2], flip(4, [0])], 4, 64) or ()) == 48


def test_a_long_cycle_is_cut_to_one_step_either_way() -> None:
    shift = permutation(np.roll(np.arange(12), 1))

    back, forth = cycle(shift, 8)[1:], shift

    assert {g.key for g in back} >= {forth.key}
    assert back[1].after(forth).key == identity(12).key
    assert len(cycle(swap(3, 0, 1), 8)) == 2


def test_a_conjugated_metric_measures_the_transformed_rows() -> None:
    rng = np.random.default_rng(1)
    x, root = rng.standard_normal(5), rng.standard_normal((5, 5))
    metric = root @ root.T
    g = flip(5, [1]).after(permutation(np.array([2, 0, 1, 4, 3])))

    moved = g(x[None], np.zeros(5))[0]

    np.testing.assert_allclose(x @ g.conjugated(metric) @ x, moved @ metric @ moved)
