"""The architecture for a data set, with the evidence for every decision.

Source: the rules name theirs. The upper end of the dimension's interval sizes the network, since
too few motifs cost accuracy and a few too many cost only numbers: the head's penalty holds them
back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from app.science.architecture import sizing
from app.science.architecture.decision import Decision, Facts, Mechanism, Value
from app.science.architecture.rules import (
    blocks,
    depth,
    gates,
    motifs,
    pooling,
    rank,
    smoothness,
    width,
)
from app.science.errors import UnusableOverride

FORMAT = "adaptnet-architecture-advice/1"
OVERRIDES = ("n_motifs", "smoothness", "gates", "pooling")
"""The decisions that a job's body can take; the others have one realization or follow."""


@dataclass(frozen=True)
class ArchitectureAdvice:
    """Sizes of the network to draw; depth counts affine layers, width the widest of them.

    gates : level-set gates to try; pooling : how an invariance is built in
    """

    n_motifs: int
    depth: int
    width: int
    blocks: int
    rank: int
    gates: int
    pooling: Mechanism
    n_parameters: int
    latency_us: float
    rate_exponent: float
    counterfactual: Mapping[str, Any]
    evidence: tuple[Decision, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "format": FORMAT,
            **vars(self),
            "counterfactual": dict(self.counterfactual),
            "evidence": [decision.to_json() for decision in self.evidence],
        }


def choose(facts: Facts) -> ArchitectureAdvice:
    """Choose the sizes.

    Raises
    ------
    UnusableOverride
        An override names no decision that can be taken, or has no usable value.
    """
    for name, value in facts.overrides.items():
        if not _usable(name, value):
            raise UnusableOverride(name=name, value=value, known=OVERRIDES)
    b_decided = _taken(smoothness.decide(facts), facts)
    b = float(b_decided.value)
    q_decided = rank.decide(facts)
    q = int(q_decided.value)
    m_decided = _taken(motifs.decide(facts, b, q), facts)
    m = int(m_decided.value)
    if m_decided.decided_by == "user":
        others = motifs.alternatives(facts, b, q, m)
        m_decided = replace(m_decided, alternatives=others)
    evidence = (
        b_decided,
        m_decided,
        depth.decide(facts, b),
        width.decide(facts, m),
        blocks.decide(facts),
        q_decided,
        _taken(gates.decide(facts, b), facts),
        _taken(pooling.decide(facts, b), facts),
    )
    return _advice(facts, evidence)


def _advice(facts: Facts, evidence: tuple[Decision, ...]) -> ArchitectureAdvice:
    value = {decision.decision: decision.value for decision in evidence}
    m, q = int(value["n_motifs"]), int(value["rank"])
    parameters = sizing.network_parameters(m, facts.input_dim, q, facts.n_outputs)
    mechanism: Mechanism = next(k for k in get_args(Mechanism) if k == value["pooling"])
    return ArchitectureAdvice(
        n_motifs=m,
        depth=int(value["depth"]),
        width=int(value["width"]),
        blocks=int(value["blocks"]),
        rank=q,
        gates=int(value["gates"]),
        pooling=mechanism,
        n_parameters=parameters,
        latency_us=sizing.latency_us(parameters),
        rate_exponent=sizing.rate_exponent(facts.dimension_high, float(value["smoothness"])),
        counterfactual=_counterfactual(facts, parameters),
        evidence=evidence,
    )


def _counterfactual(facts: Facts, parameters: int) -> dict[str, Any]:
    mlp = sizing.mlp_parameters(facts.input_dim, facts.n_outputs)
    return {
        "name": "fixed 3x256 MLP",
        "n_parameters": mlp,
        "relative_size": mlp / parameters,
        "latency_us": sizing.latency_us(mlp),
        "text": f"fixed 3x256 MLP: P={mlp}; this network: P={parameters}",
    }


def _taken(decided: Decision, facts: Facts) -> Decision:
    """The decision as the user took it, where the body says so; the rule's value is kept."""
    asked = facts.overrides.get(decided.decision)
    if asked is None:
        return decided
    return replace(
        decided,
        value=asked,
        reason=f"set in the job's body; the rule says {decided.value}",
        decided_by="user",
        rule_value=decided.value,
        confidence="medium",
    )


def _usable(name: str, value: Value) -> bool:
    if name == "pooling":
        return value in get_args(Mechanism)
    if name == "gates":
        return value in (0, 1)
    return name in OVERRIDES and not isinstance(value, str) and value > 0
