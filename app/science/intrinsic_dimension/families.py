"""Point clouds of known dimension, on which the calibration table is simulated.

The first four are round or flat and make the value. The others only widen an interval:
``torus`` is curved, ``heavy`` has heavy tails and ``edge`` piles its rows up at the boundary,
so each bends a scale curve.

Source: ball, sphere, Gaussian and cube are the usual test bodies (Camastra and Staiano 2016,
doi:10.1016/j.ins.2015.08.029). The torus, the Student cloud and the arcsine cube
are our own choice.
"""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

Sampler = Callable[[int, int, Generator], Tensor]
"""``sampler(n, d, generator)`` draws (n, p) float64 rows of intrinsic dimension d."""

CORE = ("ball", "sphere", "gauss", "cube")
CURVED = "torus"
HEAVY = "heavy"
EDGE = "edge"
_HEAVY_DEGREES = 3


def ball(n: int, d: int, generator: Generator) -> Tensor:
    """Uniform in the unit ball; (n, d)."""
    radius = _uniform((n, 1), generator) ** (1.0 / d)
    return _directions(n, d, generator) * radius


def sphere(n: int, d: int, generator: Generator) -> Tensor:
    """Uniform on the unit d-sphere; (n, d + 1)."""
    return _directions(n, d + 1, generator)


def gauss(n: int, d: int, generator: Generator) -> Tensor:
    """Standard normal; (n, d)."""
    return _normal((n, d), generator)


def cube(n: int, d: int, generator: Generator) -> Tensor:
    """Uniform in the unit cube; (n, d)."""
    return _uniform((n, d), generator)


def torus(n: int, d: int, generator: Generator) -> Tensor:
    """Product of d unit circles: no boundary, and chords shorter than arcs; (n, 2 d)."""
    angles = 2.0 * torch.pi * _uniform((n, d), generator)
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def heavy(n: int, d: int, generator: Generator) -> Tensor:
    """Independent Student coordinates with three degrees of freedom; (n, d)."""
    squares = torch.zeros(n, d, dtype=torch.float64)
    for _ in range(_HEAVY_DEGREES):
        squares += _normal((n, d), generator).square()
    return _normal((n, d), generator) / (squares / _HEAVY_DEGREES).sqrt()


def edge(n: int, d: int, generator: Generator) -> Tensor:
    """Independent arcsine coordinates, densest at the faces of the cube; (n, d)."""
    return (torch.pi * _uniform((n, d), generator)).cos()


FAMILIES: dict[str, Sampler] = {
    "ball": ball,
    "sphere": sphere,
    "gauss": gauss,
    "cube": cube,
    CURVED: torus,
    HEAVY: heavy,
    EDGE: edge,
}


def _normal(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _uniform(shape: tuple[int, ...], generator: Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def _directions(n: int, p: int, generator: Generator) -> Tensor:
    directions = _normal((n, p), generator)
    norms: Tensor = torch.linalg.vector_norm(directions, dim=1, keepdim=True)
    return directions / norms
