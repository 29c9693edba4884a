"""The few operations that the features are written in, so that one text serves two readers.

``TorchOps`` computes them; ``onnx_ops.OnnxOps`` writes them into a graph. What is exported is
therefore what was fitted, by construction.

Source: Carette, Kiselyov and Shan 2009, doi:10.1017/S0956796809007205 (one term, many
interpreters).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor


class Arithmetic(Protocol):
    """Elementwise arithmetic with broadcasting, and matrix products over the last two axes."""

    def __add__(self, other: Self | float, /) -> Self: ...
    def __sub__(self, other: Self | float, /) -> Self: ...
    def __mul__(self, other: Self | float, /) -> Self: ...
    def __truediv__(self, other: Self | float, /) -> Self: ...
    def __matmul__(self, other: Self, /) -> Self: ...


T = TypeVar("T", bound=Arithmetic)


class Ops(Protocol[T]):
    """What arithmetic does not have.

    Values are float32 unless ``wide`` and have three axes, constants fewer.
    """

    def constant(self, array: NDArray[Any]) -> T:
        """A fixed array."""
        ...

    def relu(self, x: T) -> T:
        """max(x, 0)."""
        ...

    def absolute(self, x: T) -> T:
        """relu(x) + relu(-x)."""
        ...

    def sqrt(self, x: T) -> T:
        """Square root."""
        ...

    def step(self, x: T) -> T:
        """1 where x > 0, else 0."""
        ...

    def transposed(self, x: T) -> T:
        """The last two axes swapped."""
        ...

    def total(self, x: T, axis: int) -> T:
        """Sum along an axis, which stays with length 1."""
        ...

    def largest(self, x: T, axis: int) -> T:
        """Maximum along an axis, which stays with length 1."""
        ...

    def joined(self, parts: Sequence[T]) -> T:
        """Side by side along the last axis."""
        ...

    def columns(self, x: T, start: int, stop: int) -> T:
        """Some of the last axis."""
        ...

    def known(self, x: T) -> tuple[T, T]:
        """1 where a number is not NaN and 0 where it is, and the numbers with 0 for NaN."""
        ...

    def sorted_by(self, x: T, key: T) -> T:
        """The points of each set in ascending order of key (n, k, 1)."""
        ...

    def wide(self, x: T) -> T:
        """In float64, where differences cancel."""
        ...

    def narrow(self, x: T) -> T:
        """Back in float32."""
        ...


@dataclass(frozen=True)
class TorchOps:
    """Computes at once, on the given device."""

    device: torch.device | str = "cpu"

    def constant(self, array: NDArray[Any]) -> Tensor:
        """A tensor."""
        return torch.as_tensor(array, dtype=torch.float32, device=self.device)

    def relu(self, x: Tensor) -> Tensor:
        """See ``Ops``."""
        return torch.relu(x)

    def absolute(self, x: Tensor) -> Tensor:
        """See ``Ops``."""
        return x.abs()

    def sqrt(self, x: Tensor) -> Tensor:
        """See ``Ops``."""
        return x.sqrt()

    def step(self, x: Tensor) -> Tensor:
        """See ``Ops``."""
        return (x > 0).to(x.dtype)

    def transposed(self, x: Tensor) -> Tensor:
        """See ``Ops``."""
        return x.transpose(-1, -2)

    def total(self, x: Tensor, axis: int) -> Tensor:
        """See ``Ops``."""
        return x.sum(axis, keepdim=True)

    def largest(self, x: Tensor, axis: int) -> Tensor:
        """See ``Ops``."""
        return x.amax(axis, keepdim=True)

    def joined(self, parts: Sequence[Tensor]) -> Tensor:
        """See ``Ops``."""
        return torch.cat(list(parts), -1)

    def columns(self, x: Tensor, start: int, stop: int) -> Tensor:
        """See ``Ops``."""
        return x[..., start:stop]

    def known(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """See ``Ops``."""
        return (~x.isnan()).to(x.dtype), x.nan_to_num(0.0)

    def sorted_by(self, x: Tensor, key: Tensor) -> Tensor:
        """See ``Ops``."""
        return x.take_along_dim(key.argsort(dim=1, stable=True), 1)

    def wide(self, x: Tensor) -> Tensor:
        """See ``Ops``."""
        return x.double()

    def narrow(self, x: Tensor) -> Tensor:
        """See ``Ops``."""
        return x.float()
