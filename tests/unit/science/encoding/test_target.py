import numpy as np
import pytest

from app.science.encoding.target import encode_target
from app.science.errors import DegenerateTarget
from app.science.relu_network.network import Task


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (np.linspace(0.0, 1.0, 9), "regression", ()),
        (np.arange(21.0).repeat(3), "regression", ()),
        (np.array([0.0, 1.0] * 5), "binary", ("0", "1")),
        (np.array([0.5, 1.5] * 5), "binary", ("0.5", "1.5")),
        (np.array([True, False] * 5), "binary", ("0", "1")),
        (np.array([10, 9, 2] * 5), "multiclass", ("2", "9", "10")),
        (np.array(["b", "a"] * 5, dtype=object), "binary", ("a", "b")),
        (np.array(["b", "a", "c"] * 5), "multiclass", ("a", "b", "c")),
        (np.array([3, 1, 2.0] * 5, dtype=object), "multiclass", ("1", "2", "3")),
    ],
)
def test_infers_the_task(values: np.ndarray, task: str, classes: tuple[str, ...]) -> None:
    target = encode_target(values)
    assert (target.task, target.classes) == (task, classes)


def test_codes_point_into_the_classes() -> None:
    values = np.array(["b", "a", "c", "b", "a", "c"], dtype=object)
    target = encode_target(values)
    assert [target.classes[code] for code in target.values] == values.tolist()
    assert target.values.dtype == np.int64


def test_a_given_task_wins() -> None:
    whole = np.arange(5.0).repeat(4)
    assert encode_target(whole, "regression").task == "regression"
    assert len(encode_target(np.arange(40).repeat(2), "multiclass").classes) == 40


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        (np.full(9, 2.0), None, "2 distinct values, got 1"),
        (np.array([], dtype=object), None, "got 0"),
        (np.array([1.0, np.nan, 2.0]), None, "missing or infinite in 1 of 3"),
        (np.array(["a", None, "b"], dtype=object), None, "missing or infinite in 1 of 3"),
        (np.array(["a", "a", "b"]), None, "1 classes have fewer than 2 rows"),
        (np.array(["a", "b"] * 3), "regression", "needs a numeric target"),
        (np.arange(9).repeat(2), "binary", "the target has 9"),
        (np.array([f"u{i}" for i in range(300)]), None, "300 classes, at most 200"),
    ],
)
def test_refuses_what_cannot_be_learned(
    values: np.ndarray, task: Task | None, message: str
) -> None:
    with pytest.raises(DegenerateTarget, match=message):
        encode_target(values, task)
