"""What a rule decides from and what it leaves: facts of a data set, decisions with evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Value = float | int | str
Confidence = Literal["high", "medium", "low"]
Jump = Literal["smooth", "undecided", "jump"]
Mechanism = Literal["none", "canonical_form", "feature_averaging", "pooling"]
"""How an invariance is built in: a sorted or signed form of a row, averages, or pooled points."""


@dataclass(frozen=True)
class Decision:
    """One choice: what, why, from which numbers, and what else was possible.

    Parameters
    ----------
    rule, reason : the formula, and what it says about these data in plain words
    alternatives : each with ``name``, ``value`` and what it would cost or bring
    source : paper and equation
    decided_by : ``user`` where the job's body overrides the rule; ``rule_value`` is then what the
        rule had chosen
    """

    decision: str
    value: Value
    rule: str
    reason: str
    inputs: Mapping[str, Value | None]
    alternatives: tuple[Mapping[str, Value], ...]
    source: str
    confidence: Confidence
    decided_by: Literal["rule", "user"] = "rule"
    rule_value: Value | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **vars(self),
            "inputs": dict(self.inputs),
            "alternatives": [dict(alternative) for alternative in self.alternatives],
        }


@dataclass(frozen=True)
class Facts:
    """What is known of a data set before its network is chosen.

    Parameters
    ----------
    dimension_low, dimension_high : interval of the intrinsic dimension
    pilot_dof, pilot_rows : effective degrees of freedom of the pilot, and its rows
    pilot_risk : the pilot's squared error over the target's variance; noise_share : the part of it
        that no network removes; None where unknown
    smoothness : b, of the target
    jump, jump_index : which side of the phase diagram, and J = zeta_4 / zeta_2; None unmeasured
    group, group_order, mechanism : the accepted invariance; the pilot did not know it
    n_outputs, input_dim : columns of the network's output and input
    max_parameters : the budget
    """

    n_rows: int
    dimension_value: float
    dimension_low: float
    dimension_high: float
    pilot_dof: float
    pilot_rows: int
    n_outputs: int
    input_dim: int
    smoothness: float = 1.0
    pilot_risk: float | None = None
    noise_share: float | None = None
    jump: Jump | None = None
    jump_index: float | None = None
    group: str = "none"
    group_order: float = 1.0
    mechanism: Mechanism = "none"
    max_parameters: int | None = None
    overrides: Mapping[str, Value] = field(default_factory=dict)

    def excess_share(self) -> float:
        """Part of the pilot's squared error that a better size could remove, in [0, 1]."""
        if not self.pilot_risk or self.noise_share is None:
            return 1.0
        return min(1.0, max(0.0, 1.0 - self.noise_share / self.pilot_risk))
