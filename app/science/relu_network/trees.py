"""Boosted trees as a node of a network: from LightGBM, and written out as ReLUs.

Source: Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree" (the
trees); Biau, Scornet and Welbl 2019, doi:10.1007/s13171-018-0133-y (a tree as a network).
Differs from the paper: ramps between neighboring float32 numbers, so the network is exact.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from app.science.errors import UnusableTrees
from app.science.relu_network.network import INPUT, N_TENSORS, Array, Network, Node

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]

CATEGORICAL, MISSING, ZERO_IS_MISSING = 1, 12, 4  # bits of LightGBM's decision_type


@dataclass(frozen=True)
class Forest:
    """Trees whose outputs are summed; children are coded as in ``network.Node``.

    feature, left, right : (s,) int32; threshold : (s,) float32; root : (t,) int32; value :
    (leaves, c) float64
    """

    feature: Codes
    threshold: NDArray[np.float32]
    left: Codes
    right: Codes
    root: Codes
    value: Floats

    def spread(self, columns: Floats) -> "Forest":
        """A single output times each of ``columns`` (c,)."""
        return replace(self, value=self.value * columns)

    def node(self, name: str, source: str = INPUT) -> tuple[Node, dict[str, Array]]:
        """The node that computes the sum, and its tensors."""
        node = Node(name, "trees", (source,))
        return node, {node.tensor(role): getattr(self, role) for role in N_TENSORS["trees"]}


def from_lightgbm(text: str) -> tuple[Forest, ...]:
    """One forest of a single output for every output of ``booster.model_to_string()``.

    Raises
    ------
    UnusableTrees
        A tree splits categories or handles missing values, or there is no tree.
    """
    head, *blocks = text.split("\nTree=")
    n_outputs = int(_fields(head)["num_tree_per_iteration"])
    if not blocks:
        raise UnusableTrees("the booster has no trees; train it for at least one iteration")
    trees = [_tree(_fields(block.split("\n\n")[0])) for block in blocks]
    return tuple(_joined(trees[output::n_outputs]) for output in range(n_outputs))


def round_down(thresholds: Floats) -> NDArray[np.float32]:
    """The largest float32 numbers not above float64 thresholds.

    Every float32 x is at or below the one where it is at or below the other, so no row moves.
    """
    near = thresholds.astype(np.float32)
    return np.where(near > thresholds, np.nextafter(near, np.float32(-np.inf)), near)


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _tree(fields: Mapping[str, str]) -> Forest:
    kinds = _whole(fields, "decision_type")
    if (kinds & CATEGORICAL).any() or (kinds & MISSING == ZERO_IS_MISSING).any():
        raise UnusableTrees("train without categorical features and with zero_as_missing=false")
    if fields.get("is_linear", "0") != "0":
        raise UnusableTrees("train with linear_tree=false; a leaf must be one number")
    return Forest(
        feature=_whole(fields, "split_feature"),
        threshold=round_down(_real(fields, "threshold")),
        left=_whole(fields, "left_child"),
        right=_whole(fields, "right_child"),
        root=np.array([0 if len(kinds) else -1], dtype=np.int32),
        value=_real(fields, "leaf_value")[:, None],
    )


def _whole(fields: Mapping[str, str], key: str) -> Codes:
    return np.array(fields.get(key, "").split(), dtype=np.int32)


def _real(fields: Mapping[str, str], key: str) -> Floats:
    return np.array(fields.get(key, "").split(), dtype=np.float64)


def _joined(trees: Sequence[Forest]) -> Forest:
    """All trees as one: LightGBM codes children as we do, but numbers them by tree."""
    n_splits = [len(tree.feature) for tree in trees]
    split = np.cumsum([0, *n_splits])[:-1]
    leaf = np.cumsum([0, *(len(tree.value) for tree in trees)])[:-1]

    def moved(parts: Iterator[Codes], counts: Sequence[int]) -> Codes:
        codes = np.concatenate(list(parts))
        by_split, by_leaf = np.repeat(split, counts), np.repeat(leaf, counts)
        return np.asarray(np.where(codes >= 0, codes + by_split, codes - by_leaf), np.int32)

    return Forest(
        feature=np.concatenate([tree.feature for tree in trees]),
        threshold=np.concatenate([tree.threshold for tree in trees]),
        left=moved((tree.left for tree in trees), n_splits),
        right=moved((tree.right for tree in trees), n_splits),
        root=moved((tree.root for tree in trees), [1] * len(trees)),
        value=np.concatenate([tree.value for tree in trees]),
    )


def n_relu_units(node: Node, tensors: Mapping[str, Array]) -> int:
    """ReLUs of the same function: two a split, one a leaf."""
    return 2 * len(tensors[node.tensor("feature")]) + len(tensors[node.tensor("value")])


def as_relu(node: Node, tensors: Mapping[str, Array], input_dim: int) -> Network:
    """The same function as ``affine``, ``relu`` and ``add`` nodes, to verify the claim.

    In float64 it equals the node on every float32 row (n, input_dim), but for the order of the
    sums. The slopes are powers of two, so a row's side of a threshold is never rounded. The two
    ReLUs of a ramp are stacked: their difference, relu(a) - relu(a - 1), is 0 instead of 1 in
    float64 once a passes 2^53, as it does for thresholds near 0.
    """
    forest = Forest(*(tensors[node.tensor(role)] for role in N_TENSORS["trees"]))
    nodes: list[Node] = []
    written: dict[str, Array] = {}
    for number, root in enumerate(forest.root):
        more, arrays = _tree_as_relu(forest, int(root), f"{node.name}.{number}", input_dim)
        nodes += more
        written |= arrays
    outputs = tuple(f"{node.name}.{number}.value" for number in range(len(forest.root)))
    n_outputs = forest.value.shape[1]
    return Network(
        task="regression" if n_outputs == 1 else "multiclass",
        input_dim=input_dim,
        output=node.name,
        classes=() if n_outputs == 1 else tuple(str(output) for output in range(n_outputs)),
        nodes=(*nodes, Node(node.name, "add", outputs)),
        tensors=written,
    )


def _tree_as_relu(
    forest: Forest, root: int, name: str, input_dim: int
) -> tuple[list[Node], dict[str, Array]]:
    paths = dict(_paths(forest, root, {}))
    splits = sorted({split for path in paths.values() for split in path})
    value = forest.value[list(paths)].astype(np.float64)
    if not splits:
        constant = {"value.weight": np.zeros((value.shape[1], input_dim)), "value.bias": value[0]}
        return _chain(name, ("value",), constant)
    threshold = forest.threshold[splits]
    gap = np.nextafter(threshold, np.float32(np.inf)).astype(np.float64) - threshold
    rise = np.zeros((len(splits), input_dim))
    rise[np.arange(len(splits)), forest.feature[splits]] = 1.0 / gap
    side = np.array([[path.get(split, 0.0) for split in splits] for path in paths.values()])
    arrays = {
        "rise.weight": rise,
        "rise.bias": -threshold.astype(np.float64) / gap,
        "left.weight": -np.eye(len(splits)),  # of the ramps' complements: 1 where a row goes left
        "left.bias": np.ones(len(splits)),
        "leaf.weight": side,
        "leaf.bias": 1.0 - (side > 0).sum(axis=1),
        "value.weight": value.T,
        "value.bias": np.zeros(value.shape[1]),
    }
    return _chain(name, ("rise", "left", "leaf", "value"), arrays)


def _paths(
    forest: Forest, code: int, path: dict[int, float]
) -> Iterator[tuple[int, dict[int, float]]]:
    """Each leaf below with the splits on its path: 1 where the path goes left, else -1."""
    if code < 0:
        yield -1 - code, path
        return
    yield from _paths(forest, int(forest.left[code]), {**path, code: 1.0})
    yield from _paths(forest, int(forest.right[code]), {**path, code: -1.0})


def _chain(
    name: str, layers: Sequence[str], arrays: Mapping[str, Array]
) -> tuple[list[Node], dict[str, Array]]:
    """Affine layers with ReLUs between them, from the input."""
    nodes: list[Node] = []
    for layer in layers:
        source = f"{nodes[-1].name}.relu" if nodes else INPUT
        if nodes:
            nodes.append(Node(source, "relu", (nodes[-1].name,)))
        nodes.append(Node(f"{name}.{layer}", "affine", (source,)))
    return nodes, {f"{name}.{role}": array for role, array in arrays.items()}
