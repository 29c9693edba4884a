"""Corrections: pieces of network that repair what a kernel cannot represent.

A correction sees out-of-fold outputs of the model so far and hands back nodes whose output is
added to that model's. It is kept only where it wins on held-out rows by one standard error.

Source: Imaizumi and Fukumizu 2022, JMLR 23(111), proposition 15 (no linear estimator is optimal
for functions with jumps); each correction names its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from app.science.linalg import Floats
from app.science.mimicry.target import Ints, Target
from app.science.mimicry.teacher import FittedTeacher, Progress
from app.science.registry import FolderRegistry
from app.science.relu_network.network import Array, Node

BASE = "base"
"""Name of the node with the teacher's raw output."""


@dataclass(frozen=True)
class Fitting:
    """What a correction may look at.

    X : (n, p), encoded rows; fit, held : row numbers, the second only choose; base : (n, c),
    outputs of the model so far, standardized values or logits: out of fold at the fit rows, and
    by a model that never saw them at the held-out rows; source : name of the node that computes
    the same for any row
    """

    X: Floats
    target: Target
    fit: Ints
    held: Ints
    base: Floats
    teacher: FittedTeacher
    seed: int
    source: str = BASE
    progress: Progress = None


@dataclass(frozen=True)
class Piece:
    """Nodes that read ``x`` or the fitting's source; the last one, ``output``, is added to it.

    held : (h, c), what the nodes give for the held-out rows; outputs : the same for all rows of the
    fitting, (n, c), as far from having seen each row's own target as the correction can make it
    """

    nodes: tuple[Node, ...]
    tensors: Mapping[str, Array]
    output: str
    held: Floats
    outputs: Callable[[], Floats]

    @property
    def total(self) -> str:
        """Name of the node that holds the model with this piece."""
        return f"{self.output}.total"


class Correction(Protocol):
    """A way to make one."""

    def fit(self, fitting: Fitting) -> Piece | None:
        """The piece, or None where the data offer no ground for it."""
        ...


CORRECTIONS: FolderRegistry[type[Correction]] = FolderRegistry("app.science.mimicry.corrections")


@dataclass(frozen=True)
class Verdict:
    """Mean held-out loss before and after, the standard error of their paired difference.

    least_gain : share of the loss that has to go as well, where the correction is dear
    """

    name: str
    before: float
    after: float
    standard_error: float
    least_gain: float = 0.0

    @property
    def accepted(self) -> bool:
        """The loss falls by more than one standard error and by the least gain."""
        return self.before - self.after > max(self.standard_error, self.least_gain * self.before)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "accepted": self.accepted}


def correct(
    fitting: Fitting, names: Sequence[str]
) -> tuple[tuple[Piece, ...], tuple[Verdict, ...], Floats]:
    """Try the named corrections one after another, each on the model with those kept before it.

    Returns
    -------
    The accepted pieces, all verdicts, and the outputs (h, c) of the corrected model at the held-out
    rows
    """
    pieces: list[Piece] = []
    verdicts: list[Verdict] = []
    held = fitting.base[fitting.held]
    for number, name in enumerate(names, start=1):
        piece = CORRECTIONS.get(name)().fit(fitting)
        if piece is None:
            continue
        verdicts.append(judge(fitting, piece, name))
        if not verdicts[-1].accepted:
            continue
        pieces.append(piece)
        held = held + piece.held
        if number < len(names):
            fitting = replace(fitting, base=fitting.base + piece.outputs(), source=piece.total)
    return tuple(pieces), tuple(verdicts), held


def judge(fitting: Fitting, piece: Piece, name: str = "") -> Verdict:
    """Compare with and without the piece on the held-out rows."""
    held = fitting.held
    before = fitting.target.losses(fitting.base[held], held)
    after = fitting.target.losses(fitting.base[held] + piece.held, held)
    return compare(name, before, after)


def compare(name: str, before: Floats, after: Floats, least_gain: float = 0.0) -> Verdict:
    """The verdict on two losses of the same rows, (h,) each."""
    gain = before - after
    error = float(gain.std() / np.sqrt(len(gain)))
    return Verdict(name, float(before.mean()), float(after.mean()), error, least_gain)
