"""What the phases of tabular jobs share: the selected columns, and the encoded split."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.tabular import TabularSpec
from app.science.encoding import encoding as encodings
from app.science.encoding.encoding import Columns, Encoding
from app.science.encoding.fit import Role
from app.science.evaluation.decision import ClassWeights
from app.science.mimicry import teacher as teachers
from app.science.mimicry.assembly import KNOTS
from app.science.mimicry.plan import COPIED, TransferPlan
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network import network as networks
from app.science.relu_network.network import Network, Task
from app.tables.canonical import read_canonical
from app.tables.columns import to_columns
from workers.context import Context

Floats = NDArray[np.float64]

SGD = "adam_mlp"
"""The baseline that the report calls SGD."""

LEVEL = 0.9
"""The level whose coverage is measured on the test rows."""


@dataclass(frozen=True)
class Encoded:
    """The encoded rows of the split. ``*_x`` : (n, p) float64; ``*_y`` : (n,)."""

    task: Task
    classes: tuple[str, ...]
    train_x: Floats
    train_y: NDArray[Any]
    validation_x: Floats
    validation_y: NDArray[Any]
    calibration_x: Floats
    calibration_y: NDArray[Any]
    test_x: Floats
    test_y: NDArray[Any]
    class_weights: ClassWeights = ()

    @property
    def fit_x(self) -> Floats:
        """Training and validation rows: all that a model may be fitted and chosen on."""
        return np.concatenate([self.train_x, self.validation_x])

    @property
    def fit_y(self) -> NDArray[Any]:
        """The targets of ``fit_x``."""
        return np.concatenate([self.train_y, self.validation_y])


def selected(context: Context, names: list[str]) -> tuple[Columns, dict[str, Role]]:
    """Columns of the job's dataset, and how each is read."""
    table, schema = read_canonical(context.inputs)
    return to_columns(table, schema, names)


def features(context: Context, rows: NDArray[np.int64]) -> tuple[Columns, dict[str, Role]]:
    """The job's feature columns at ``rows`` of the dataset."""
    columns, roles = selected(
        context, context.read_json("materialize", "selection.json")["features"]
    )
    return {name: values[rows] for name, values in columns.items()}, roles


def encoded(context: Context) -> Encoded:
    """What the phase ``split`` left."""
    meta = context.read_json("split", "meta.json")
    arrays = context.read_arrays("split", "encoded.safetensors")
    return Encoded(
        task=meta["task"],
        classes=tuple(meta["classes"]),
        class_weights=_class_weights(meta),
        **arrays,
    )


def class_weights(context: Context) -> ClassWeights:
    """Costs of mistakes by true class, as the phase ``split`` left them."""
    return _class_weights(context.read_json("split", "meta.json"))


def _class_weights(meta: dict[str, Any]) -> ClassWeights:
    return tuple(meta.get("class_weights", ()))  # absent in phases of older workers


def fitted_encoding(context: Context) -> Encoding:
    """How columns become the network's input, as the phase ``split`` left it."""
    return encodings.from_json(
        context.read_json("split", "meta.json")["encoding"],
        context.read_arrays("split", "encoding.safetensors"),
    )


def fitted_teacher(context: Context) -> FittedTeacher:
    """The teacher as it was fitted, as the phase ``teacher`` left it."""
    return _teacher(context, "teacher")


def carried_teacher(context: Context) -> FittedTeacher:
    """The teacher that is carried over, as the phase ``compress`` left it."""
    return _teacher(context, "compress")


def transfer_plan(context: Context) -> TransferPlan:
    """How the teacher is carried over; with a limit on the numbers, its size is the formula's."""
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have a teacher)
    asked = context.spec.architecture
    return TransferPlan(
        n_motifs=context.read_json("architecture", "architecture.json")["n_motifs"],
        mixes=() if asked.motifs == COPIED else ({asked.motifs: 1.0},),
        knots=None if asked.max_parameters is None else KNOTS,
    )


def transferred_network(context: Context) -> Network:
    """The network before any correction, as the phase ``transfer`` left it."""
    return _network(context, "transfer")


def trained_network(context: Context) -> Network:
    """The finished network, as the phase ``correct`` left it."""
    return _network(context, "correct")


def write_teacher(context: Context, teacher: FittedTeacher) -> None:
    """Leave a teacher among the files of the running phase."""
    context.write_arrays("teacher.safetensors", teacher.to_tensors())
    context.write_json("teacher.json", teacher.to_json())


def write_network(context: Context, network: Network) -> None:
    """Leave a network among the files of the running phase."""
    context.write_arrays("network.safetensors", dict(network.tensors))
    context.write_json("network.json", network.to_json())


def _teacher(context: Context, phase: str) -> FittedTeacher:
    return teachers.from_tensors(
        context.read_json(phase, "teacher.json"),
        context.read_arrays(phase, "teacher.safetensors"),
    )


def _network(context: Context, phase: str) -> Network:
    return networks.from_json(
        context.read_json(phase, "network.json"),
        context.read_arrays(phase, "network.safetensors"),
    )
