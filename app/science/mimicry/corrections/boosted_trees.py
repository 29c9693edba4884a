"""Boosted trees on what the model so far leaves: they jump where a kernel can only bend.

Each round is a greedy least-squares tree on the gradient of a convex loss, started from the model
so far: its residuals for a regression, its logits as initial scores for classes. The features are
rounded to float32 first, so that the ``trees`` node decides at every row as LightGBM did.

Source: Friedman 2001, doi:10.1214/aos/1013203451 (gradient boosting); Ke et al. 2017, "LightGBM:
a highly efficient gradient boosting decision tree". Differs from the papers: starts from a model.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
import torch
from numpy.typing import NDArray

from app.science.linalg import Floats
from app.science.mimicry.correction import Correction, Fitting, Piece
from app.science.mimicry.motif import affine_node
from app.science.mimicry.target import Ints
from app.science.relu_network.network import INPUT, Array, Node
from app.science.relu_network.trees import Forest, from_lightgbm

NAME = "boosted"
MIN_ROWS = 100
SMALL, LARGE = 4000, 20_000
"""Rows below which trees of 16 leaves do as well as those of 31, and above which 63 do better."""
PARALLEL_CELLS = 200_000
"""Numbers in X from which several threads pay; below, they wait for each other longer."""
MOST_ROUNDS, FEWEST_ROUNDS, MOST_TREES = 1000, 40, 1500
REPORT_EVERY = 25
HALVES = (-0.5, 0.5)
"""A difference v of two logits is v / 2 on one and -v / 2 on the other."""


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """LightGBM on the fit rows, stopped early on the held-out ones.

    The model so far is one more column that the trees may split, but for many classes, where it
    would be as many columns. The outputs are in-sample at the fit rows: the trees have seen their
    targets. At the held-out rows they are honest but for the choice of the number of rounds.
    """

    learning_rate: float = 0.1
    penalty: float = 1.0
    patience: int = 50

    def fit(self, fitting: Fitting) -> Piece | None:
        """The trees, or None with fewer than ``MIN_ROWS`` rows or where no split gains."""
        if len(fitting.fit) < MIN_ROWS:
            return None
        inputs = _Inputs.of(fitting)
        booster = self._boost(fitting, inputs.rows)
        forests = from_lightgbm(booster.model_to_string())
        if not any(len(forest.feature) for forest in forests):
            return None
        nodes, tensors = _nodes(forests, fitting, inputs.nodes[-1].name if inputs.nodes else INPUT)
        return Piece(
            (*inputs.nodes, *nodes),
            {**inputs.tensors, **tensors},
            nodes[-1].name,
            _outputs(booster, fitting, inputs.rows[fitting.held]),
            lambda: _outputs(booster, fitting, inputs.rows),
        )

    def _boost(self, fitting: Fitting, rows: NDArray[np.float32]) -> lightgbm.Booster:
        options = self._options(fitting)
        train = _dataset(fitting, rows, fitting.fit, options)
        rounds = _most_rounds(fitting)
        callbacks: list[Callable[..., Any]] = [
            lightgbm.early_stopping(self.patience, verbose=False),
            _reporter(fitting, rounds),
        ]
        held = _dataset(fitting, rows, fitting.held, options, reference=train)
        return lightgbm.train(options, train, rounds, valid_sets=[held], callbacks=callbacks)

    def _options(self, fitting: Fitting) -> dict[str, Any]:
        n, p = len(fitting.fit), fitting.X.shape[1]
        n_outputs = fitting.target.n_outputs
        objective = {"regression": "l2", "binary": "binary", "multiclass": "multiclass"}
        leaves = 16 if n < SMALL or fitting.target.task != "regression" else 31
        return {
            "objective": objective[fitting.target.task],
            "num_class": n_outputs if fitting.target.task == "multiclass" else 1,
            "learning_rate": self.learning_rate,
            "lambda_l2": self.penalty,
            "num_leaves": 63 if n > LARGE and fitting.target.task == "regression" else leaves,
            "min_data_in_leaf": 20,
            "use_missing": False,
            "seed": fitting.seed % 2**31,
            "deterministic": True,
            "force_row_wise": True,  # timing both layouts first would let the clock decide
            "num_threads": torch.get_num_threads() if n * p >= PARALLEL_CELLS else 1,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class _Inputs:
    """What the trees split, as rows (n, k) in float32 and as nodes; none where it is x alone."""

    rows: NDArray[np.float32]
    nodes: tuple[Node, ...]
    tensors: dict[str, Array]

    @classmethod
    def of(cls, fitting: Fitting) -> "_Inputs":
        if fitting.target.task == "multiclass":
            return cls(fitting.X.astype(np.float32), (), {})
        so_far, nodes = fitting.base, list[Node]()
        tensors: dict[str, Array] = {}
        if fitting.target.task == "binary":
            contrast = np.array([[-1.0, 1.0]])
            node, tensors = affine_node(f"{NAME}.margin", fitting.source, contrast, np.zeros(1))
            so_far, nodes = so_far @ contrast.T, [node]
        source = nodes[-1].name if nodes else fitting.source
        nodes.append(Node(f"{NAME}.inputs", "concat", (INPUT, source)))
        p = fitting.X.shape[1]
        rows = np.empty((len(so_far), p + so_far.shape[1]), dtype=np.float32)
        rows[:, :p], rows[:, p:] = fitting.X, so_far
        return cls(rows, tuple(nodes), tensors)


def _outputs(booster: lightgbm.Booster, fitting: Fitting, rows: NDArray[np.float32]) -> Floats:
    """(n, c)."""
    raw = np.asarray(booster.predict(rows, raw_score=True), dtype=np.float64)
    if fitting.target.task == "binary":
        return np.asarray(raw[:, None] * np.array(HALVES))
    return np.asarray(raw.reshape(len(rows), -1))


def _dataset(
    fitting: Fitting,
    X: NDArray[np.float32],
    rows: Ints,
    options: dict[str, Any],
    reference: lightgbm.Dataset | None = None,
) -> lightgbm.Dataset:
    label, start = _label(fitting, rows)
    return lightgbm.Dataset(
        X[rows], label, reference=reference, init_score=start, params=dict(options)
    )


def _label(fitting: Fitting, rows: Ints) -> tuple[NDArray[Any], Floats | None]:
    """What to learn and the score to start from."""
    base = fitting.base[rows]
    if fitting.target.task == "regression":
        return (fitting.target.columns()[rows] - base)[:, 0], None
    start = base[:, 1] - base[:, 0] if fitting.target.task == "binary" else base
    return fitting.target.raw[rows], start


def _most_rounds(fitting: Fitting) -> int:
    """A round of a multiclass model is one tree a class."""
    n_scores = fitting.target.n_outputs if fitting.target.task == "multiclass" else 1
    return int(np.clip(MOST_TREES // n_scores, FEWEST_ROUNDS, MOST_ROUNDS))


def _reporter(fitting: Fitting, rounds: int) -> Callable[[lightgbm.callback.CallbackEnv], None]:
    def report(state: lightgbm.callback.CallbackEnv) -> None:
        if fitting.progress is not None and state.iteration % REPORT_EVERY == 0:
            fitting.progress(state.iteration / rounds, "boosted trees")

    return report


def _nodes(
    forests: tuple[Forest, ...], fitting: Fitting, source: str
) -> tuple[tuple[Node, ...], dict[str, Array]]:
    """One node; for several classes one a class, so that a leaf stores one number, not c."""
    if fitting.target.task != "multiclass":
        share = (1.0,) if fitting.target.task == "regression" else HALVES
        node, tensors = forests[0].spread(np.array(share)).node(NAME, source)
        return (node,), tensors
    made = [forest.node(f"{NAME}.{number}", source) for number, forest in enumerate(forests)]
    nodes = tuple(node for node, _ in made)
    tensors = {name: tensor for _, tensors in made for name, tensor in tensors.items()}
    return (*nodes, Node(NAME, "concat", tuple(node.name for node in nodes))), tensors


PLUGIN: type[Correction] = BoostedTrees
