"""Small networks whose curvature can be computed in full."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from app.science.mimicry import assembly
from app.science.mimicry.teacher import FittedTeacher
from app.science.relu_network.network import Network, Node, Task
from app.science.structure.loss_surface.sample import LossSample

Layer = tuple[np.ndarray, np.ndarray]


def mlp(layers: Sequence[Layer], task: Task = "regression") -> Network:
    """Affine maps with ReLUs between them."""
    nodes: list[Node] = []
    tensors: dict[str, np.ndarray] = {}
    for i, (weight, bias) in enumerate(layers):
        node = Node(f"affine{i}", "affine", (nodes[-1].name if nodes else "x",))
        tensors |= {node.tensor("weight"): weight, node.tensor("bias"): bias}
        nodes += [node, Node(f"relu{i}", "relu", (node.name,))]
    nodes.pop()
    n_outputs = len(layers[-1][1])
    classes = () if task == "regression" else tuple(f"c{i}" for i in range(n_outputs))
    width = layers[0][0].shape[1]
    return Network(task, width, nodes[-1].name, classes, tuple(nodes), tensors)


def layers(widths: Sequence[int], seed: int = 0) -> list[Layer]:
    rng = np.random.default_rng(seed)
    pairs = pairwise(widths)
    return [(rng.normal(size=(b, a)) / np.sqrt(a), rng.normal(size=b)) for a, b in pairs]


def rescaled(made: Sequence[Layer], seed: int = 1) -> list[Layer]:
    """The same function: every hidden unit scaled up and its outgoing weights down."""
    rng = np.random.default_rng(seed)
    weights = [weight.copy() for weight, _ in made]
    biases = [bias.copy() for _, bias in made]
    for i in range(len(made) - 1):
        factor = 10.0 ** rng.uniform(-1.0, 1.0, len(biases[i]))
        weights[i] *= factor[:, None]
        biases[i] *= factor
        weights[i + 1] /= factor
    return list(zip(weights, biases, strict=True))


def sample(n_outputs: int = 1, n: int = 80, width: int = 3, seed: int = 2) -> LossSample:
    """Noise around a smooth target, or as many classes as outputs."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, width))
    y = np.sin(rows[:, 0]) + rows[:, 1] + 0.3 * rng.normal(size=n)
    if n_outputs > 1:
        cuts = np.quantile(y, np.arange(1, n_outputs) / n_outputs)
        return LossSample(rows, np.digitize(y, cuts))
    return LossSample(rows, 5.0 * y, float(5.0 * y.std()))


def corrected() -> Network:
    """A head, trees that read its output through a join, a sum, the scaling, and a clip."""
    base = mlp(layers([3, 6, 1]))
    nodes = (
        *base.nodes,
        Node("join", "concat", ("x", "affine1")),
        Node("stump", "trees", ("join",)),
        Node("total", "add", ("affine1", "stump")),
        Node("scale", "affine", ("total",)),
        Node("limits", "clip", ("scale",), {"low": -2.0, "high": 2.0}),
    )
    tensors = {
        **base.tensors,
        "stump.feature": np.array([0]),
        "stump.threshold": np.array([0.1], np.float32),
        "stump.left": np.array([-1]),
        "stump.right": np.array([-2]),
        "stump.root": np.array([0]),
        "stump.value": np.array([[0.5], [-0.5]]),
        "scale.weight": np.array([[3.0]]),
        "scale.bias": np.array([1.0]),
    }
    return replace(base, nodes=nodes, output="limits", tensors=tensors)


def copied(rows: np.ndarray) -> Network:
    """A kernel expansion carried over: squares, a box and a polygon."""
    rng = np.random.default_rng(4)
    p, m = rows.shape[1], 40
    teacher = FittedTeacher(
        name="random",
        task="regression",
        classes=(),
        seed=0,
        center=3.0,
        scale=2.0,
        kernel="laplace",
        squared_bandwidth=4.0,
        penalty=0.0,
        effective_dof=0.0,
        validation_loss=1.0,
        ridge_validation_loss=None,
        metric=np.eye(p),
        centers=rows[:m],
        weights=rng.normal(size=(m, 1)),
        linear=rng.normal(size=(p, 1)),
        intercept=np.zeros(1),
        spectrum=np.full(p, 1.0 / p),
        details={},
    )
    return assembly.network(teacher, assembly.copied(teacher, rows, knots=256))
