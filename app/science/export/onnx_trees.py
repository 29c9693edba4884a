"""A ``trees`` node as the attributes of an ONNX TreeEnsembleRegressor.

Source: https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html. Ids of nodes
count from 0 in each tree, a tree's nodes stand together, and onnxruntime takes the first as root.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import numpy_helper

from app.science.relu_network import tree_walk
from app.science.relu_network.network import Array, Node
from app.science.relu_network.tree_walk import Ints, TreeWalk


@dataclass(frozen=True)
class _Order:
    """Nodes tree by tree, breadth first: rows of the walk's table, their trees, ids in these.

    place, tree, number : (m,)
    """

    place: Ints
    tree: Ints
    number: Ints


def attributes(node: Node, tensors: Mapping[str, Array]) -> dict[str, Any]:
    """The attributes, thresholds and values in double precision."""
    walk, value = tree_walk.compiled(node, tensors), tensors[node.tensor("value")]
    order = _ordered(walk)
    leaf = order.place >= walk.n_splits
    number = np.empty_like(order.number)
    number[order.place] = order.number
    child = np.where(leaf[:, None], 0, number[walk.child.reshape(-1, 2)[order.place]])
    threshold = np.where(leaf, 0.0, walk.threshold[order.place].astype(np.float64))
    n_targets = value.shape[1]
    weights = value[order.place[leaf] - walk.n_splits].astype(np.float64)
    return {
        "n_targets": n_targets,
        "nodes_treeids": order.tree.tolist(),
        "nodes_nodeids": order.number.tolist(),
        "nodes_featureids": walk.feature[order.place].tolist(),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ").tolist(),
        "nodes_values_as_tensor": numpy_helper.from_array(threshold, "thresholds"),
        "nodes_truenodeids": child[:, 0].tolist(),
        "nodes_falsenodeids": child[:, 1].tolist(),
        "target_treeids": np.repeat(order.tree[leaf], n_targets).tolist(),
        "target_nodeids": np.repeat(order.number[leaf], n_targets).tolist(),
        "target_ids": np.tile(np.arange(n_targets), int(leaf.sum())).tolist(),
        "target_weights_as_tensor": numpy_helper.from_array(weights.reshape(-1), "values"),
    }


def _ordered(walk: TreeWalk) -> _Order:
    child = walk.child.reshape(-1, 2)
    level, owner = walk.start, np.arange(len(walk.start))
    levels, owners = [level], [owner]
    while len(level):
        inner = level < walk.n_splits
        level, owner = child[level[inner]].T.reshape(-1), np.tile(owner[inner], 2)
        levels.append(level)
        owners.append(owner)
    tree = np.concatenate(owners)
    by_tree = np.argsort(tree, kind="stable")
    tree = tree[by_tree]
    number = np.arange(len(tree)) - np.searchsorted(tree, tree)
    return _Order(np.concatenate(levels)[by_tree], tree, number)
