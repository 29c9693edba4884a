"""What a transfer measured.

Source: none; plain data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Choice = Literal["copied", "labels", "distilled", "ridge"]


@dataclass(frozen=True)
class TransferReport:
    """What the transfer measured; losses are squared errors over the variance, or nats.

    observed differences : network before its refit on all rows against teacher, on held-out rows,
    in the target's unit or in probability; the float32 difference is the largest one
    between float32 and float64 evaluation of the finished network, in the unit of its output
    """

    chosen: Choice
    reason: str
    mix: Mapping[str, float]
    mix_losses: tuple[float, ...]
    teacher_validation_loss: float
    network_validation_loss: float
    labels_validation_loss: float | None
    distilled_validation_loss: float | None
    ridge_validation_loss: float
    observed_max_difference: float
    observed_rms_difference: float
    observed_float32_difference: float
    effective_dof: float
    penalty: float
    n_features: int
    n_parameters: int
    n_fit: int
    n_validation: int
    temperature: float

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "mix": dict(self.mix), "mix_losses": list(self.mix_losses)}
