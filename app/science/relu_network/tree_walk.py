"""How readers evaluate a ``trees`` node: all trees one level down at a time, in numpy.

Splits and leaves share one table in which a leaf leads back to itself. A step is then a few
lookups without a branch, and the deepest trees come first, so that ended ones fall off the end.

Source: none; the operation is defined in ``network.py``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.science.errors import InvalidNetwork
from app.science.relu_network.network import Array, Node

MAX_DEPTH = 64
BLOCK_NUMBERS = 1 << 17  # (trees, rows) at a time: the arrays of a step stay in the cache
MAX_BLOCK_ROWS = 1024  # times 2^20 columns, the widest network: cells still count in 32 bits

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TreeWalk:
    """The table of m nodes, the splits first and then the leaves.

    feature : (m,); threshold : (m,) float32, infinite at leaves; child : (2 m,), left and right
    of every node; start : (t,), first node of each tree, the deepest tree first; active : how
    many trees have not ended, by level
    """

    feature: Ints
    threshold: NDArray[np.float32]
    child: Ints
    start: Ints
    active: tuple[int, ...]
    n_splits: int

    def leaves(self, x: NDArray[np.float32]) -> Ints:
        """(t, b), the leaf that each row (b, p) reaches in each tree, deepest tree first."""
        columns = np.ascontiguousarray(x.T).reshape(-1)
        rows = np.arange(len(x))
        offset = self.feature * len(x)
        place = np.repeat(self.start[:, None], len(x), axis=1)
        for n in self.active:
            at = place[:n]
            goes_right = columns.take(offset.take(at) + rows) > self.threshold.take(at)
            place[:n] = self.child.take(2 * at + goes_right)
        return place - self.n_splits


def block_rows(n_trees: int) -> int:
    """Rows to walk at a time."""
    return min(MAX_BLOCK_ROWS, max(1, BLOCK_NUMBERS // n_trees))


def evaluate(node: Node, tensors: Mapping[str, Array], x: Array) -> Array:
    """(b, c), the sum of the reached leaves' values, in the type of ``value``."""
    walk, value = compiled(node, tensors), tensors[node.tensor("value")]
    result = np.empty((len(x), value.shape[1]), dtype=value.dtype)
    rows, step = x.astype(np.float32), block_rows(len(walk.start))
    for start in range(0, len(x), step):
        leaves = walk.leaves(rows[start : start + step])
        reached = value.take(leaves, axis=0)  # (t, b, c)
        result[start : start + step] = reached.sum(axis=0, dtype=np.float64)
    return result


def compiled(node: Node, tensors: Mapping[str, Array]) -> TreeWalk:
    """The table of one node.

    Raises
    ------
    InvalidNetwork
        A tree is deeper than ``MAX_DEPTH``, or leads back to itself.
    """
    feature, threshold, left, right, root, value = _arrays(node, tensors)
    n_splits, n_leaves = len(feature), len(value)
    depth = np.zeros(len(root), dtype=np.int64)
    for _, tree in levels(left, right, root):
        depth[tree] += 1
    leaves = n_splits + np.arange(n_leaves)
    children = [np.concatenate([_place(side, n_splits), leaves]) for side in (left, right)]
    return TreeWalk(
        feature=np.concatenate([feature, np.zeros_like(leaves)]),
        threshold=np.concatenate([threshold, np.full(n_leaves, np.inf, np.float32)]),
        child=np.stack(children, axis=1).reshape(-1),
        start=_place(root, n_splits)[np.argsort(-depth, kind="stable")],
        active=tuple(int((depth > level).sum()) for level in range(depth.max(initial=0))),
        n_splits=n_splits,
    )


def levels(left: Ints, right: Ints, root: Ints) -> Iterator[tuple[Ints, Ints]]:
    """The splits of each level and the numbers of their trees, from the roots down."""
    at, tree = root, np.arange(len(root))
    for _ in range(MAX_DEPTH + 1):
        tree, at = tree[at >= 0], at[at >= 0]
        if not len(at):
            return
        if len(at) > len(left):
            break
        yield at, tree
        at, tree = np.concatenate([left[at], right[at]]), np.concatenate([tree, tree])
    raise InvalidNetwork(f"a tree is deeper than {MAX_DEPTH} or reaches a split twice")


def check(node: Node, tensors: Mapping[str, Array], n_columns: int) -> None:
    """Refuse a node that is no set of binary trees on ``n_columns`` columns.

    Raises
    ------
    InvalidNetwork
        Shapes or types are wrong, an index leaves its range, a split or leaf is not reached
        exactly once, or a tree is too deep.
    """
    _check_shapes(node, tensors)
    feature, _, left, right, root, value = _arrays(node, tensors)
    codes = np.concatenate([left, right, root])
    if ((codes >= len(feature)) | (codes < -len(value))).any():
        raise InvalidNetwork(f"node {node.name!r} has a child that is no split and no leaf")
    if ((feature < 0) | (feature >= n_columns)).any():
        raise InvalidNetwork(f"node {node.name!r} reads a column that is not there")
    reached = [np.zeros(0, dtype=np.int64), *(at for at, _ in levels(left, right, root))]
    splits = np.bincount(np.concatenate(reached), minlength=len(feature))
    leaves = np.bincount(-1 - codes[codes < 0], minlength=len(value))
    if (splits != 1).any() or (leaves != 1).any():
        raise InvalidNetwork(f"node {node.name!r} does not reach all splits and leaves once")


def _check_shapes(node: Node, tensors: Mapping[str, Array]) -> None:
    of = {role: tensors[node.tensor(role)] for role in ("threshold", "value", "root")}
    n_splits = of["threshold"].shape
    indices = {role: tensors[node.tensor(role)] for role in ("feature", "left", "right", "root")}
    shapes = {role: array.shape for role, array in indices.items()} | {"root": n_splits}
    if len(n_splits) != 1 or set(shapes.values()) != {n_splits}:
        raise InvalidNetwork(f"node {node.name!r}: its splits' tensors differ in shape")
    if of["root"].ndim != 1 or of["value"].ndim != 2 or not of["root"].size:
        raise InvalidNetwork(f"node {node.name!r} needs roots (t,) and values (leaves, c)")
    if any(array.dtype.kind != "i" for array in indices.values()):
        raise InvalidNetwork(f"node {node.name!r}: {', '.join(indices)} hold whole numbers")
    if any(of[role].dtype.kind != "f" for role in ("threshold", "value")):
        raise InvalidNetwork(f"node {node.name!r}: threshold and value hold real numbers")


def _arrays(
    node: Node, tensors: Mapping[str, Array]
) -> tuple[Ints, NDArray[np.float32], Ints, Ints, Ints, Array]:
    feature, left, right, root = (
        tensors[node.tensor(role)].astype(np.int64) for role in ("feature", "left", "right", "root")
    )
    threshold = tensors[node.tensor("threshold")].astype(np.float32)
    return feature, threshold, left, right, root, tensors[node.tensor("value")]


def _place(code: Ints, n_splits: int) -> Ints:
    """Row of the table of a child."""
    return np.where(code >= 0, code, n_splits - 1 - code)
