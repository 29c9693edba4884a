"""Small trained models, built by hand: every kind of column and every operation."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.encoding import CategoricalColumn, Encoding, NumericColumn
from app.science.export.trained_model import CardText, TrainedModel
from app.science.relu_network.network import Network, Node, Task

CITIES = ("Kyoto", "Nara", "Uji")
CLASSES: dict[Task, tuple[str, ...]] = {
    "regression": (),
    "binary": ("no", "yes"),
    "multiclass": ("a", "b", "c"),
}
N_GOLDEN = 256
START = 1.7e9  # seconds


def number(name: str, **changes: Any) -> NumericColumn:  # noqa: ANN401 - any field
    plain = NumericColumn(
        name=name,
        source="number",
        fill=0.5,
        center=1.0,
        scale=2.0,
        low=-4.0,
        high=4.0,
        missing_flag=False,
    )
    return replace(plain, **changes)


def encoding() -> Encoding:
    table = np.random.default_rng(1).normal(size=(len(CITIES) + 2, 3))
    when = number(
        "when", source="datetime", fill=START, center=START, scale=1.0, low=-30.0, high=30.0
    )
    return Encoding(
        (
            number("age", missing_flag=True),
            CategoricalColumn("city", CITIES, table),
            when,
            number("income", low=-np.inf, high=np.inf),
        )
    )


def network(task: Task = "regression", *, input_dim: int = 7, n_units: int = 16) -> Network:
    """x -> affine -> {pwl, relu}; clip(x); concat -> affine -> relu -> affine, plus a skip."""
    rng = np.random.default_rng(7)
    n_outputs = max(len(CLASSES[task]), 1)

    def affine(name: str, width: int, below: int) -> dict[str, NDArray[np.float64]]:
        weight = rng.normal(size=(width, below)) / np.sqrt(below)
        return {f"{name}.weight": weight, f"{name}.bias": rng.normal(size=width)}

    knots = np.linspace(-6, 6, 40)
    return Network(
        task=task,
        input_dim=input_dim,
        output="sum",
        classes=CLASSES[task],
        nodes=(
            Node("lift", "affine", ("x",)),
            Node("wave", "pwl", ("lift",), {"intercept": 0.3, "slope": -0.5}),
            Node("hinge", "relu", ("lift",)),
            Node("box", "clip", ("x",), {"low": -1.0, "high": 1.5}),
            Node("all", "concat", ("wave", "hinge", "box")),
            Node("mix", "affine", ("all",)),
            Node("bend", "relu", ("mix",)),
            Node("head", "affine", ("bend",)),
            Node("skip", "affine", ("box",)),
            Node("sum", "add", ("head", "skip")),
        ),
        tensors={
            **affine("lift", n_units, input_dim),
            "wave.knots": knots,
            "wave.coefficients": 0.6 * np.cos(2 * knots),
            **affine("mix", n_units, 2 * n_units + input_dim),
            **affine("head", n_outputs, n_units),
            **affine("skip", n_outputs, input_dim),
        },
    )


def rows(n: int, seed: int = 3) -> dict[str, NDArray[Any]]:
    """Columns with missing cells, unknown levels and numbers far outside."""
    rng = np.random.default_rng(seed)
    age = rng.normal(1.0, 3.0, size=n)
    age[::7] = np.nan
    age[1::50] = 1e12
    city = rng.choice(np.array([*CITIES, "Osaka", None], dtype=object), size=n)
    when = START + rng.uniform(-20, 20, size=n)
    when[::11] = np.nan
    return {"age": age, "city": city, "when": when, "income": rng.normal(size=n)}


def trained(task: Task = "regression", **changes: Any) -> TrainedModel:  # noqa: ANN401 - any field
    plain = TrainedModel(
        network=network(task),
        encoding=encoding(),
        target_name="rent",
        provenance={"seed": 1},
        evidence={
            "data": {"n_rows": 1000, "n_train": 800, "n_test": 200, "n_columns": 4},
            "intrinsic_dimension": {"estimate": 3.2, "low": 2.9, "high": 3.6, "ambient_dim": 7},
            "test": {
                "metric": "RMSE",
                "value": 0.1234567,
                "low": 0.11,
                "high": 0.14,
                "baselines": [{"name": "linear", "value": 0.5}],
            },
        },
        golden=rows(N_GOLDEN),
        card=CardText(purpose="Tests <only>."),
    )
    return replace(plain, **changes)
