"""Rows on which a network's loss is looked at, and the loss itself, differentiable.

Source: none; squared error in units of the target's variance, or cross-entropy in nats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.science.errors import TooFewRows
from app.science.linalg import Floats
from app.science.relu_network.evaluate import run
from app.science.relu_network.network import Network

MAX_ROWS, MIN_ROWS = 2000, 20
MAX_VALUES = 1_000_000
"""Rows times the widest layer: what one product with the Hessian works on."""

Tensors = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class LossSample:
    """Encoded rows with their targets.

    X : (n, p); y : (n,), numbers in the target's unit, or class numbers; unit : the target's
    standard deviation, 1 for classes
    """

    X: Floats
    y: NDArray[Any]
    unit: float = 1.0

    def loss(self, network: Network, tensors: Tensors) -> torch.Tensor:
        """Mean loss of the network with these tensors, a float64 scalar."""
        output = run(network, tensors, torch.as_tensor(self.X, dtype=torch.float64))
        if network.task == "regression":
            wanted = torch.as_tensor(np.asarray(self.y, dtype=np.float64))
            return ((output[:, 0] - wanted) / self.unit).square().mean()
        codes = torch.as_tensor(np.asarray(self.y, dtype=np.int64))
        return torch.nn.functional.cross_entropy(output, codes)

    def first(self, n_rows: int) -> "LossSample":
        """The first rows."""
        return LossSample(self.X[:n_rows], self.y[:n_rows], self.unit)


def loss_sample(X: Floats, y: NDArray[Any], *, unit: float = 1.0, seed: int = 0) -> LossSample:
    """At most 2,000 random rows.

    Parameters
    ----------
    X : (n, p), encoded rows; y, unit : as in ``LossSample``

    Raises
    ------
    TooFewRows
        There are fewer than 20.
    """
    if len(X) < MIN_ROWS:
        raise TooFewRows(needed=MIN_ROWS, got=len(X))
    rows = np.random.default_rng([seed, 47]).permutation(len(X))[:MAX_ROWS]
    return LossSample(np.asarray(X[rows], dtype=np.float64), np.asarray(y)[rows], unit)


def affordable_rows(network: Network) -> int:
    """Rows on which a hundred passes through the network take seconds, at least 200."""
    biases = (network.tensors[n.tensor("bias")] for n in network.nodes if n.op == "affine")
    widest = max([network.input_dim, *(int(np.size(bias)) for bias in biases)])
    return max(200, MAX_VALUES // widest)
