"""A table as every competitor of the mimicry benchmark sees it: one split, one encoding.

Test rows come from the table's ``split`` column. The validation rows are drawn from the rest by
the rule that our own fit uses, with the same seed, so that the validation losses of ours and of
the others are means over the same rows.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.science.baselines.baseline import Problem
from app.science.encoding.apply import transform
from app.science.encoding.encoding import Columns, Encoding
from app.science.encoding.fit import Role, fit_encoding
from app.science.encoding.target import encode_target
from app.science.evaluation.metrics import evaluate
from app.science.mimicry import target as targets
from app.science.relu_network.network import Task
from benchmarks.data import manifest, table_path

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TARGET, SPLIT = "target", "split"
TASKS: tuple[Task, ...] = ("regression", "binary", "multiclass")


@dataclass(frozen=True)
class BenchmarkProblem:
    """One table and seed.

    rest_x : (n, p) float64, encoded rows that are not test rows; rest_y : (n,), values or class
    codes; fit, held : row numbers into them; test_x, test_y : the test rows; rest_columns,
    test_columns : the same rows before the encoding
    """

    name: str
    seed: int
    task: Task
    classes: tuple[str, ...]
    encoding: Encoding
    roles: Mapping[str, Role]
    rest_columns: Columns
    test_columns: Columns
    rest_x: Floats
    rest_y: NDArray[Any]
    fit: Ints
    held: Ints
    test_x: Floats
    test_y: NDArray[Any]

    @property
    def unit(self) -> float:
        """Standard deviation of a real target on the rows that are not test rows, else 1."""
        return float(self.rest_y.std()) if self.task == "regression" else 1.0

    @property
    def split_digest(self) -> str:
        """Changes with the validation rows and the test targets."""
        return _digest(self.held, self.test_y)

    @property
    def encoding_digest(self) -> str:
        """Changes with the encoded numbers."""
        return _digest(self.rest_x, self.test_x)

    def baseline(self) -> Problem:
        """The same rows for the library's baselines."""
        return Problem(
            task=self.task,
            n_classes=len(self.classes),
            train_x=self.rest_x[self.fit],
            train_y=self.rest_y[self.fit],
            validation_x=self.rest_x[self.held],
            validation_y=self.rest_y[self.held],
            test_x=self.test_x,
        )

    def loss(self, y: NDArray[Any], prediction: Floats) -> float:
        """Root mean squared error over ``unit``, or log loss in nats."""
        found = evaluate(self.task, y, prediction)
        return found["rmse"] / self.unit if self.task == "regression" else found["log_loss"]

    def metrics(self, prediction: Floats) -> dict[str, float]:
        """``loss`` and the task's other metrics on the test rows."""
        return {"loss": self.loss(self.test_y, prediction)} | evaluate(
            self.task, self.test_y, prediction
        )


def load(name: str, seed: int) -> BenchmarkProblem:
    """Read a table, draw its validation rows and encode it by what the training rows say."""
    table = pq.read_table(table_path(name))
    raw_y = _column(table, TARGET)
    present = np.array([value is not None and value == value for value in raw_y])  # noqa: PLR0124 (NaN)
    table, raw_y = table.filter(pa.array(present)), raw_y[present]
    names = [column for column in table.column_names if column not in (TARGET, SPLIT)]
    columns = {column: _column(table, column) for column in names}
    is_test = _column(table, SPLIT) == 1
    return make(name, seed, columns, (raw_y, _task(name)), is_test)


def make(
    name: str,
    seed: int,
    columns: Columns,
    labelled: tuple[NDArray[Any], Task | None],
    is_test: NDArray[np.bool_],
) -> BenchmarkProblem:
    """Split and encode columns.

    Parameters
    ----------
    columns : name to (n,), float64 with NaN for missing, or ``str | None``
    labelled : the target (n,) without missing values, and its task or None to infer it
    """
    target = encode_target(*labelled)
    rest_columns = {key: values[~is_test] for key, values in columns.items()}
    test_columns = {key: values[is_test] for key, values in columns.items()}
    rest_y = target.values[~is_test]
    fit, held = targets.holdout(targets.make(rest_y, target.task, target.classes), seed)
    roles: dict[str, Role] = {
        key: "categorical" if values.dtype == np.object_ else "number"
        for key, values in columns.items()
    }
    train = {key: values[fit] for key, values in rest_columns.items()}
    fitted = fit_encoding(train, roles, rest_y[fit], target.task, seed=seed)
    rest_x = np.empty((len(rest_y), fitted.encoding.width))
    rest_x[fit] = fitted.matrix  # target encodings of training rows are out of fold
    rest_x[held] = transform(
        fitted.encoding, {key: values[held] for key, values in rest_columns.items()}
    )
    return BenchmarkProblem(
        name=name,
        seed=seed,
        task=target.task,
        classes=target.classes,
        encoding=fitted.encoding,
        roles=roles,
        rest_columns=rest_columns,
        test_columns=test_columns,
        rest_x=rest_x,
        rest_y=rest_y,
        fit=fit,
        held=held,
        test_x=transform(fitted.encoding, test_columns),
        test_y=target.values[is_test],
    )


def _task(name: str) -> Task | None:
    known = manifest()
    stated = known.get("tables", known).get(name, {}).get("task")
    return next((task for task in TASKS if task == stated), None)


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    """(n,): float64 with NaN for missing, or object of ``str | None``; an empty text is missing."""
    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array([text or None for text in column.to_pylist()], dtype=object)
    return np.array(column.to_numpy(), dtype=np.float64)


def _digest(*arrays: NDArray[Any]) -> str:
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]
