"""What every intrinsic-dimension estimator takes and gives."""

from dataclasses import dataclass
from typing import Protocol

from app.science.intrinsic_dimension.neighbors import Neighbors
from app.science.registry import FolderRegistry


@dataclass(frozen=True, slots=True)
class DimensionEstimate:
    """One raw number with its uncertainty; no finite-sample bias is removed.

    Parameters
    ----------
    value : intrinsic dimension, > 0
    stderr : standard error under independent rows, so a lower bound
    n_used : query rows behind the number
    """

    value: float
    stderr: float
    n_used: int


class DimensionEstimator(Protocol):
    """Options are the constructor's; the data comes to ``estimate``. No state is kept."""

    def estimate(self, neighbors: Neighbors) -> DimensionEstimate:
        """Estimate the intrinsic dimension of the rows behind ``neighbors``."""
        ...


ESTIMATORS: FolderRegistry[type[DimensionEstimator]] = FolderRegistry(
    "app.science.intrinsic_dimension.estimators"
)
