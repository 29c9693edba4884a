"""One line of the structure benchmark: what was measured against which bar."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """A measured figure beside its bar.

    Attributes
    ----------
    name:
        What was measured, with the acceptance test's number.
    measured:
        The figure, or a short text with several.
    bar:
        What it must be.
    passed:
        Whether it is; None where the run was too small to say.
    detail:
        Everything behind the figure, for the JSON answer.
    """

    name: str
    measured: float | str
    bar: str
    passed: bool | None
    detail: dict[str, Any] = field(default_factory=dict)
