"""DeepSets and PointNet, by Adam: the same layers for every point, pooling, two layers for the set.

Source: Zaheer et al. 2017, arXiv:1703.06114 (DeepSets); Qi et al. 2017, arXiv:1612.00593
(PointNet, without its transforms); Kingma and Ba 2015, arXiv:1412.6980.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from app.science.baselines.media import POSITIONS, Candidate, Family, Inputs, MediaProblem

BATCH_SETS = 64
WEIGHT_DECAY, DROPOUT = 1e-4, 0.2
SHOWN_POINTS = 1_024
"""Of a set, evenly spaced: as many as the source takes."""
UNIT_SETS = 1_000

Name = Literal["deep_sets", "point_net"]


@dataclass(frozen=True, slots=True)
class Setting:
    """``deep_sets`` pools mean and maximum; ``point_net`` the maximum, with batch norm."""

    family: Name
    widths: tuple[int, ...]
    learning_rate: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON, with what all settings share."""
        shared = {"batch_sets": BATCH_SETS, "weight_decay": WEIGHT_DECAY, "dropout": DROPOUT}
        return asdict(self) | shared


GRID = (
    Setting("deep_sets", (64, 128), 3e-3),
    Setting("deep_sets", (64, 128, 256), 1e-3),
    Setting("point_net", (64, 128), 3e-3),
    Setting("point_net", (64, 128, 256), 1e-3),
)


class PointNet(nn.Module):
    """The same layers for every point, pooling, and two layers for the set."""

    def __init__(self, n_columns: int, n_outputs: int, setting: Setting) -> None:
        super().__init__()
        self.norm = setting.family == "point_net"
        layers: list[nn.Module] = []
        for fan_in, fan_out in pairwise((n_columns, *setting.widths)):
            layers += [nn.Linear(fan_in, fan_out)]
            layers += [nn.BatchNorm1d(fan_out)] if self.norm else []
            layers += [nn.ReLU()]
        self.points = nn.Sequential(*layers)
        last = setting.widths[-1]
        wide = last if self.norm else 2 * last
        self.sets = nn.Sequential(
            nn.Linear(wide, last), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(last, n_outputs)
        )

    def forward(self, points: Tensor) -> Tensor:
        """(n, k, columns) to (n, outputs)."""
        n, k, width = points.shape
        found = self.points(points.reshape(n * k, width)).reshape(n, k, -1)
        pooled = [found.amax(1)] if self.norm else [found.mean(1), found.amax(1)]
        outputs: Tensor = self.sets(torch.cat(pooled, 1))
        return outputs


def adam(model: nn.Module, rate: float) -> torch.optim.Adam:
    """The optimizer."""
    return torch.optim.Adam(model.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)


class PointNets:
    """See ``Family``. Sets are padded with NaN to the largest one."""

    def candidates(self, problem: MediaProblem) -> Sequence[Candidate]:
        """Both families, small and large."""
        n_columns = problem.inputs.shape[2]
        return [
            Candidate(
                facts={
                    "network": setting.family,
                    "widths": list(setting.widths),
                    "weight_decay": WEIGHT_DECAY,
                    "dropout": DROPOUT,
                    "most_points": SHOWN_POINTS,
                    "turned": problem.turned,
                    "mirrored": problem.mirrored,
                },
                rate=setting.learning_rate,
                batch_rows=BATCH_SETS,
                make=partial(PointNet, n_columns, problem.n_outputs, setting),
                optimizer=partial(adam, rate=setting.learning_rate),
            )
            for setting in GRID
        ]

    def reader(self, problem: MediaProblem) -> Callable[[Inputs], Tensor]:
        """(b, k, columns) centered set by set, in units of evenly spaced training sets."""
        every = problem.train[:: max(1, len(problem.train) // UNIT_SETS)]
        sample = _filled(problem.inputs[every])
        positions, channels = sample[:, :, :POSITIONS], sample[:, :, POSITIONS:]
        unit = np.concatenate([[positions.std()] * positions.shape[2], channels.std(axis=(0, 1))])
        unit[unit == 0.0] = 1.0
        center = channels.mean(axis=(0, 1))

        def read(inputs: Inputs) -> Tensor:
            points = _filled(inputs)
            points[:, :, POSITIONS:] -= center
            return torch.from_numpy(points / unit.astype(np.float32))

        return read

    def varied(self, batch: Tensor, problem: MediaProblem, rng: np.random.Generator) -> Tensor:
        """Positions turned at random where the target stays as it is."""
        if not problem.turned:
            return batch
        dim = min(POSITIONS, batch.shape[2])
        frames = _frames(len(batch), dim, rng, mirrored=problem.mirrored).to(batch.device)
        return torch.cat([batch[:, :, :dim] @ frames, batch[:, :, dim:]], dim=2)


def _filled(inputs: Inputs) -> NDArray[np.float32]:
    """Equally many points of every set, evenly spaced or repeated; positions around their mean."""
    n_points = (~np.isnan(inputs[:, :, 0])).sum(axis=1)  # NaN comes last
    wanted = min(inputs.shape[1], SHOWN_POINTS)
    places = np.arange(wanted) * n_points[:, None] // wanted
    points = np.take_along_axis(inputs, places[:, :, None], axis=1).astype(np.float32)
    points[:, :, :POSITIONS] -= np.nanmean(inputs[:, :, :POSITIONS], axis=1, keepdims=True)
    return points


def _frames(n: int, dim: int, rng: np.random.Generator, *, mirrored: bool) -> Tensor:
    """(n, dim, dim) random turns, half of them with a mirror where that is allowed."""
    frames, triangles = np.linalg.qr(rng.normal(size=(n, dim, dim)))
    frames *= np.sign(np.diagonal(triangles, axis1=1, axis2=2))[:, None, :]
    if not mirrored:
        frames[:, :, 0] *= np.linalg.det(frames)[:, None]
    return torch.from_numpy(frames.astype(np.float32))


PLUGIN: Family = PointNets()
