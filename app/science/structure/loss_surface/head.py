"""The head's curvature, exactly: the network is piecewise linear in its last affine map's weights.

The loss's second derivative in the head's relative changes is (1 / n) sum_i J_i^T L_i J_i, with
L_i that of the loss in the outputs. Its spectrum is that of a matrix of inner products between
rows. Rows at a limit of a clipped output have no slope.

Source: MacKay 1992, doi:10.1162/neco.1992.4.3.415 (well-determined parameters); Maddox, Benton and
Wilson 2020, arXiv:2003.02139 (effective dimensionality). Differs from them: parameters are
relative changes, with a prior of variance 1, so a weight is determined where the rows say more
about it than that it may as well be off by its own size.
"""

from dataclasses import dataclass

import numpy as np
import torch

from app.science.errors import InvalidNetwork
from app.science.linalg import Floats
from app.science.relu_network.evaluate import load, run, softmax
from app.science.relu_network.network import Network, Node
from app.science.structure.loss_surface.sample import LossSample

MAX_ORDER = 1000
"""Rows times outputs that vary on their own: the order of the matrix."""


@dataclass(frozen=True)
class HeadSpectrum:
    """Eigenvalues of the head's Hessian, in relative changes, on ``n_rows`` rows.

    eigenvalues : (r,), descending, the others are 0; n_weights : how many weights the head has;
    scale : size of the loss's noise, 2 loss / n for squared error and 1 / n for cross-entropy
    """

    head: str
    n_rows: int
    n_weights: int
    eigenvalues: Floats
    scale: float

    @property
    def trace(self) -> float:
        """Sum of the eigenvalues."""
        return float(self.eigenvalues.sum())

    @property
    def effective_dimension(self) -> float:
        """The number of directions that the rows determine, N(scale)."""
        return effective_dimension(self.eigenvalues, self.scale)


def effective_dimension(eigenvalues: Floats, scale: float) -> float:
    """N(scale) = sum of e / (e + scale)."""
    return float((eigenvalues / (eigenvalues + max(scale, 1e-300))).sum())


def head_spectrum(network: Network, sample: LossSample) -> HeadSpectrum:
    """The spectrum on the sample's first rows: 1,000, or fewer where there are many classes.

    Raises
    ------
    InvalidNetwork
        No affine map reaches the output through affine maps, sums and clips alone.
    """
    head = linear_head(network)
    weight = np.asarray(network.tensors[head.tensor("weight")], dtype=np.float64)
    n_roots = 1 if len(network.classes) <= 2 else len(network.classes)
    few = sample.first(MAX_ORDER // n_roots)
    features, output, slopes = _passes(network, head, few)
    roots = _roots(network, output, sample.unit) @ slopes  # (n, roots, k)
    n = len(few.X)
    gram = np.zeros((n * n_roots, n * n_roots))
    for k, w in enumerate(weight):
        scaled = np.repeat(features * w, n_roots, axis=0) * roots[:, :, k].reshape(-1, 1)
        gram += scaled @ scaled.T
    values = np.linalg.eigvalsh(gram / n)[::-1].clip(0.0)
    tensors = load(network, dtype=torch.float64, device="cpu")
    noise = 2.0 * float(few.loss(network, tensors)) if network.task == "regression" else 1.0
    return HeadSpectrum(head.name, n, weight.size, values[: weight.size], noise / n)


def linear_head(network: Network) -> Node:
    """The largest affine map that reaches the output through affine maps, sums and clips alone.

    What leads to trees only has no slope and does not count.
    """
    straight, silent = {network.output}, set[str]()
    for node in reversed(network.nodes):
        readers = [
            reader
            for reader in network.nodes
            if node.name in reader.inputs and reader.op != "trees" and reader.name not in silent
        ]
        if not readers and node.name != network.output:
            silent.add(node.name)
        elif all(r.name in straight and r.op in ("affine", "add", "clip") for r in readers):
            straight.add(node.name)
    heads = [node for node in network.nodes if node.op == "affine" and node.name in straight]
    if not heads:
        raise InvalidNetwork(
            "no affine map reaches the output through affine maps, sums and clips alone"
        )
    return max(heads, key=lambda node: int(np.size(network.tensors[node.tensor("weight")])))


def _passes(network: Network, head: Node, sample: LossSample) -> tuple[Floats, Floats, Floats]:
    """What the head reads (n, m), the output (n, c), and its slopes in the head's (n, c, k)."""
    tensors = dict(load(network, dtype=torch.float64, device="cpu"))
    rows = torch.as_tensor(sample.X, dtype=torch.float64)
    features = run(network, tensors, rows, output=head.inputs[0])
    # a bias for each row, so that its slope is that row's
    bias = tensors[head.tensor("bias")].expand(len(rows), -1).clone().requires_grad_()
    output = run(network, {**tensors, head.tensor("bias"): bias}, rows)
    slopes = [
        torch.autograd.grad(column.sum(), bias, retain_graph=True)[0] for column in output.unbind(1)
    ]
    stacked = torch.stack(slopes, dim=1)
    return features.numpy(), output.detach().numpy(), stacked.numpy()


def _roots(network: Network, output: Floats, unit: float) -> Floats:
    """(n, roots, c): B_i with B_i^T B_i the loss's second derivative in the outputs of row i."""
    if network.task == "regression":
        return np.full((len(output), 1, 1), np.sqrt(2.0) / unit)
    p = softmax(output)
    if p.shape[1] == 2:
        return np.asarray(np.sqrt(p.prod(axis=1))[:, None, None] * np.array([1.0, -1.0]))
    return np.asarray(np.sqrt(p)[:, :, None] * (np.eye(p.shape[1]) - p[:, None, :]))
