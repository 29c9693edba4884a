"""What a body is made of, before any data are seen.

Source: none; plain data.
"""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StagePlan:
    """n_filters : even, both mirror images counted; patch : side in pixels of the stage's maps.

    cells : of the pooling grid on a side; whitening : added to eigenvalues of mean 1;
    quantile : share of absolute responses below the threshold; clustered : k-means instead of
    patches as they are; channels : that a next stage reads, None for the last stage
    """

    n_filters: int
    patch: int = 6
    cells: int = 3
    whitening: float = 0.1
    quantile: float = 0.3
    clustered: bool = True
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Stages, the heads to try, whether a mirror image means the same, and what may be used.

    heads : of ``convex_heads``. On many images ``logistic`` took longer than both and was never the
    best; memory_bytes : for features and their Gram matrix; seed : of every random choice
    """

    stages: tuple[StagePlan, ...]
    heads: tuple[str, ...] = ("ridge", "kernel")
    mirrored: bool = False
    memory_bytes: int = 4 * 2**30
    seed: int = 0

    @property
    def width(self) -> int:
        """Number of features: two a filter and cell, shared by mirror images."""
        whole = sum(2 * stage.n_filters * stage.cells**2 for stage in self.stages)
        return whole // 2 if self.mirrored else whole

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)
