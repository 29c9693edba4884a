"""What compression is judged by: held-out rows against a budget, a few of them first.

Source: none; the paired difference on the same rows is the usual one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from app.science.architecture import sizing
from app.science.linalg import Floats
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher

PROBE_ROWS = 800
NEGLIGIBLE = 2e-3
"""A relative rise that nobody would see, however surely it is one: the closer the copy, the smaller
the standard error of its difference, and the best ones would be refused first."""
RANK_SHARE = 0.5
"""Of the budget: the centers, which are tried next, save more."""

StepName = Literal["twins", "rank", "probe", "centers", "limit"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What compression may cost and what it must reach.

    relative : highest rise of the held-out loss as a share of it; more than two thousandths must
    also be within one standard error of the paired difference. max_centers, max_parameters :
    reached at any cost in accuracy
    """

    relative: float = 0.005
    max_centers: int | None = None
    max_parameters: int | None = None


BUDGET = Budget()


@dataclass(frozen=True, slots=True)
class Step:
    """One proposal: a size before and after, the rise of the held-out loss and what is allowed.

    provisional : asked of a few rows only; another step confirms it
    """

    name: StepName
    before: int
    after: int
    rise: float
    allowed: float
    n_rows: int
    provisional: bool = False

    @property
    def accepted(self) -> bool:
        """Limits are obeyed at any rise."""
        return self.name == "limit" or self.rise <= self.allowed

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "accepted": self.accepted}


@dataclass(frozen=True)
class Sample:
    """Held-out rows with the teacher's outputs and those of a model that never saw the rows.

    A teacher whose weights come from all rows has learned the noise of the held-out rows too, and
    any smoother function would look worse than it; so losses are those of the honest outputs,
    moved by what a trial moves.
    """

    target: Target
    rows: Ints
    outputs: Floats
    honest: Floats

    @cached_property
    def losses(self) -> Floats:
        """(b,), before any trial."""
        return self.target.losses(self.honest, self.rows)

    def judged(self, outputs: Floats, relative: float) -> tuple[float, float]:
        """Mean rise of the loss, and the rise that is allowed."""
        outputs = self.target.limits.clip(outputs)
        rise = self.target.losses(self.honest + outputs - self.outputs, self.rows) - self.losses
        error = float(rise.std() / np.sqrt(len(rise)))
        level = float(self.losses.mean())
        return float(rise.mean()), min(relative * level, max(error, NEGLIGIBLE * level))


@dataclass(frozen=True)
class Work:
    """The teacher as it came, and the rows: fit (a,) and held (h,), the second only judge."""

    teacher: FittedTeacher
    X: Floats
    target: Target
    fit: Ints
    held: Ints
    budget: Budget

    @cached_property
    def few_features(self) -> Floats:
        """The teacher's features at the few rows: the probe of centers needs them again."""
        return self.teacher.features(self.X[self.held[:PROBE_ROWS]])

    @cached_property
    def few(self) -> Sample:
        """The first held-out rows, which are asked before all of them are."""
        rows = self.held[:PROBE_ROWS]
        outputs = self.few_features @ self.teacher.weights + linear_part(self.teacher, self.X[rows])
        return self._sample(rows, self.teacher.ends.clip(outputs))

    @cached_property
    def every(self) -> Sample:
        """All held-out rows; computed only once the few rows have agreed to something."""
        return self._sample(self.held, self.teacher.output(self.X[self.held]))

    def _sample(self, rows: Ints, outputs: Floats) -> Sample:
        known = self.teacher.out_of_fold
        return Sample(self.target, rows, outputs, known[rows] if len(known) else outputs)

    def step(
        self, name: StepName, sizes: tuple[int, int], trial: FittedTeacher, *, few: bool = False
    ) -> Step:
        """Judge a trial that takes a size from the first to the second of ``sizes``."""
        sample = self.few if few else self.every
        relative = self.budget.relative * (RANK_SHARE if name == "rank" else 1.0)
        judged = sample.judged(trial.output(self.X[sample.rows]), relative)
        return Step(name, *sizes, *judged, len(sample.rows), few)

    def max_centers(self, rank: int) -> int:
        """As many centers as the limits leave, by the size formula of a radial network."""
        most = len(self.teacher.centers)
        if self.budget.max_centers is not None:
            most = min(most, self.budget.max_centers)
        if self.budget.max_parameters is not None:
            p, c = self.X.shape[1], self.target.n_outputs
            most = min(most, sizing.motifs_within(self.budget.max_parameters, p, rank, c))
        return most


def linear_part(teacher: FittedTeacher, rows: Floats) -> Floats:
    """(b, c), the teacher's output without its kernel units."""
    return np.asarray(rows @ teacher.linear + teacher.intercept)
