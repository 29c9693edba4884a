"""The loss as a function of relative changes of the weights, with its slopes and curvature.

Every weight of the affine maps reads w (1 + u); biases, polygons and trees stay. Scaling a unit's
incoming weights by c and its outgoing ones by 1 / c leaves a ReLU network's function alone and,
in these coordinates, all derivatives at u = 0 too. In the weights themselves it changes them at
will. What only trees read has no slope: a step of theirs does not see how far it is.

Source: Dinh, Pascanu, Bengio and Bengio 2017, arXiv:1703.04933 (plain flatness means nothing under
rescaling); Tsuzuku, Sato and Sugiyama 2020, arXiv:1901.04653 (normalized flatness); Pearlmutter
1994, doi:10.1162/neco.1994.6.1.147 (products with the Hessian).
"""

from collections.abc import Callable, Sequence

import torch

from app.science.errors import InvalidNetwork
from app.science.relu_network.evaluate import load
from app.science.relu_network.network import Network
from app.science.structure.loss_surface.sample import LossSample

Product = Callable[[torch.Tensor], torch.Tensor]


class RelativeSurface:
    """A network's loss on a sample, over u (size,), all chosen weights in a row.

    Parameters
    ----------
    weights : names of tensors; by default the weights of all affine maps

    Raises
    ------
    InvalidNetwork
        There are no such weights.
    """

    def __init__(
        self, network: Network, sample: LossSample, weights: Sequence[str] | None = None
    ) -> None:
        names = affine_weights(network) if weights is None else tuple(weights)
        if not names:
            raise InvalidNetwork("the network has no affine map, so no weight to change")
        self._network, self._sample = network, sample
        self._tensors = dict(load(network, dtype=torch.float64, device="cpu"))
        self._weights = {name: self._tensors[name] for name in names}
        self._sizes = [weight.numel() for weight in self._weights.values()]
        self.size = sum(self._sizes)

    def loss(self, change: torch.Tensor) -> torch.Tensor:
        """The mean loss at w (1 + change), differentiable."""
        parts = torch.split(change, self._sizes)
        moved = {
            name: weight * (1.0 + part.view_as(weight))
            for (name, weight), part in zip(self._weights.items(), parts, strict=True)
        }
        return self._sample.loss(self._network, {**self._tensors, **moved})

    def loss_at(self, change: torch.Tensor) -> float:
        """The same as a number."""
        with torch.no_grad():
            return float(self.loss(change))

    def here(self) -> float:
        """The loss of the network as it is."""
        return self.loss_at(self.still())

    def still(self) -> torch.Tensor:
        """No change, (size,)."""
        return torch.zeros(self.size, dtype=torch.float64)

    def gradient(self) -> torch.Tensor:
        """(size,), the slope at no change."""
        change = self.still().requires_grad_()
        (slope,) = torch.autograd.grad(
            self.loss(change), change, allow_unused=True, materialize_grads=True
        )
        return slope

    def hessian(self) -> Product:
        """Products with the Hessian at no change: one pass forward for all of them.

        Where all pieces are linear it is the one almost everywhere, as for any ReLU network.
        """
        change = self.still().requires_grad_()
        (slope,) = torch.autograd.grad(self.loss(change), change, create_graph=True)

        def product(vector: torch.Tensor) -> torch.Tensor:
            (found,) = torch.autograd.grad(
                slope, change, vector, retain_graph=True, materialize_grads=True
            )
            return found

        return product


def affine_weights(network: Network) -> tuple[str, ...]:
    """Names of the affine maps' weights, in order."""
    return tuple(node.tensor("weight") for node in network.nodes if node.op == "affine")
