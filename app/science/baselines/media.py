"""The contract of networks that users would train on media, by stochastic gradients.

A family of networks is one file in ``networks``; ``race.py`` trains every family alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from app.science.registry import FolderRegistry
from app.science.relu_network.network import Task

Inputs = NDArray[Any]
Rows = NDArray[np.int64]
POSITIONS = 3
"""Further numbers of a point are its channels, such as a normal or a color."""


@dataclass(frozen=True)
class MediaProblem:
    """Inputs of one split; they may lie in a mapped file and are read batch by batch.

    ``inputs`` : (n, ...), ``y`` : (n,) values or class codes below ``n_classes`` (0 for
    regression); ``train validation`` : row numbers of both. ``test`` : (m, ...), without targets.
    ``mirrored turned`` : the target stays as it is in a mirror (of images: where left and right
    change sides), and under turns of a point set.
    """

    task: Task
    n_classes: int
    inputs: Inputs
    y: NDArray[Any]
    train: Rows
    validation: Rows
    test: Inputs
    mirrored: bool = False
    turned: bool = False

    @property
    def n_outputs(self) -> int:
        """Width of the network's last layer."""
        return 1 if self.task == "regression" else self.n_classes


@dataclass(frozen=True)
class Candidate:
    """A network and a way to train it.

    ``facts`` : what is recorded of it, plain JSON; ``rate`` : the highest learning rate;
    ``smoothing`` : of class labels
    """

    facts: Mapping[str, Any]
    rate: float
    batch_rows: int
    make: Callable[[], nn.Module]
    optimizer: Callable[[nn.Module], Optimizer]
    smoothing: float = 0.0


class Family(Protocol):
    """Networks for one kind of inputs."""

    def candidates(self, problem: MediaProblem) -> Sequence[Candidate]:
        """What is tried; validation rows choose."""
        ...

    def reader(self, problem: MediaProblem) -> Callable[[Inputs], Tensor]:
        """From some inputs to the float32 batch that the networks read."""
        ...

    def varied(self, batch: Tensor, problem: MediaProblem, rng: np.random.Generator) -> Tensor:
        """The batch after changes that keep its targets, for training."""
        ...


FAMILIES: FolderRegistry[Family] = FolderRegistry("app.science.baselines.networks")
