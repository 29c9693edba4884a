"""The architecture for a data set, with the evidence for every decision.

Source: ``sizing.py``. The upper end of the dimension's interval sizes the network, since too few
motifs cost accuracy and a few too many cost only numbers: the head's penalty holds them back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.science.architecture import sizing
from app.science.errors import UnusableOverride

FORMAT = "adaptnet-architecture-advice/1"


@dataclass(frozen=True)
class Decision:
    """One choice: what, why, from which numbers, and what else was possible."""

    decision: str
    value: float | int
    rule: str
    inputs: Mapping[str, float | int | None]
    alternatives: tuple[Mapping[str, float | int | str], ...]
    source: str
    confidence: Literal["high", "medium", "low"]
    decided_by: Literal["auto", "user"]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "inputs": dict(self.inputs),
            "alternatives": [dict(alternative) for alternative in self.alternatives],
        }


@dataclass(frozen=True)
class ArchitectureAdvice:
    """Sizes of the network to draw; depth counts affine layers, width the widest of them."""

    n_motifs: int
    depth: int
    width: int
    blocks: int
    rank: int
    n_parameters: int
    rate_exponent: float
    counterfactual: Mapping[str, Any]
    evidence: tuple[Decision, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        names = ("n_motifs", "depth", "width", "blocks", "rank", "n_parameters", "rate_exponent")
        return {
            "format": FORMAT,
            **{name: getattr(self, name) for name in names},
            "counterfactual": dict(self.counterfactual),
            "evidence": [decision.to_json() for decision in self.evidence],
        }


@dataclass(frozen=True)
class _Facts:
    n_rows: int
    value: float
    low: float
    high: float
    pilot_dof: float
    pilot_rows: int
    smoothness: float
    n_outputs: int
    input_dim: int
    max_parameters: int | None
    overrides: Mapping[str, float | int] = field(default_factory=dict)

    def by(self, name: str) -> Literal["auto", "user"]:
        return "user" if name in self.overrides else "auto"


def choose(  # noqa: PLR0913 - the facts of a data set, all by name
    *,
    n_rows: int,
    dimension_value: float,
    dimension_low: float,
    dimension_high: float,
    pilot_dof: float,
    pilot_rows: int,
    smoothness: float = 1.0,
    n_outputs: int,
    input_dim: int,
    max_parameters: int | None = None,
    overrides: Mapping[str, float | int] | None = None,
) -> ArchitectureAdvice:
    """Choose the sizes.

    Parameters
    ----------
    dimension_low, dimension_high : interval of the intrinsic dimension
    pilot_dof : effective degrees of freedom of the head on ``pilot_rows`` rows
    overrides : the user's own values of ``n_motifs``, ``rank`` or ``smoothness``

    Raises
    ------
    UnusableOverride
        An override names no decision or a decided consequence, or is not positive.
    """
    chosen = dict(overrides or {})
    for name, value in chosen.items():
        if name not in ("n_motifs", "rank", "smoothness") or value <= 0:
            raise UnusableOverride(name=name, value=value)
    smooth = float(chosen.get("smoothness", min(max(smoothness, 0.5), 2.0)))
    facts = _Facts(
        n_rows, dimension_value, dimension_low, dimension_high, pilot_dof, pilot_rows, smooth,
        n_outputs, input_dim, max_parameters, chosen,
    )  # fmt: skip
    rank = _rank(facts)
    motifs = _motifs(facts, int(rank.value))
    return _advice(facts, rank, motifs)


def _advice(facts: _Facts, rank: Decision, motifs: Decision) -> ArchitectureAdvice:
    m, q = int(motifs.value), int(rank.value)
    depth, width, blocks = _depth(facts), _width(facts, m), _blocks()
    parameters = sizing.network_parameters(m, facts.input_dim, q, facts.n_outputs)
    mlp = sizing.mlp_parameters(facts.input_dim, facts.n_outputs)
    return ArchitectureAdvice(
        n_motifs=m,
        depth=int(depth.value),
        width=int(width.value),
        blocks=int(blocks.value),
        rank=q,
        n_parameters=parameters,
        rate_exponent=sizing.rate_exponent(facts.high, facts.smoothness),
        counterfactual={
            "name": "fixed 3x256 MLP",
            "n_parameters": mlp,
            "relative_size": mlp / parameters,
            "text": f"fixed 3x256 MLP: P={mlp}; this network: P={parameters}",
        },
        evidence=(_smoothness(facts), motifs, depth, width, blocks, rank),
    )


def _motifs(facts: _Facts, rank: int) -> Decision:
    ratio = facts.n_rows / facts.pilot_rows
    wanted = sizing.wanted_motifs(facts.pilot_dof, ratio, facts.high, facts.smoothness)
    cap = min(max(facts.n_rows // sizing.ROWS_PER_MOTIF, sizing.MIN_MOTIFS), sizing.MAX_MOTIFS)
    auto = min(max(wanted, sizing.MIN_MOTIFS), cap)
    if facts.max_parameters is not None:
        room = sizing.motifs_within(facts.max_parameters, facts.input_dim, rank, facts.n_outputs)
        auto = max(1, min(auto, room))
    value = int(facts.overrides.get("n_motifs", auto))
    return Decision(
        decision="n_motifs",
        value=value,
        rule="m = clip(ceil(4 df (n / n_pilot)^(d / (2 b + d))), 64, min(n / 3, 3000)), "
        "then within max_parameters; d is the upper end of its interval",
        inputs={
            "df": facts.pilot_dof,
            "n": facts.n_rows,
            "n_pilot": facts.pilot_rows,
            "d": facts.high,
            "b": facts.smoothness,
            "wanted": wanted,
            "cap": cap,
            "max_parameters": facts.max_parameters,
            "auto_value": auto,
        },
        alternatives=_motif_alternatives(facts, rank, value, wanted),
        source="Nakada and Imaizumi 2020, JMLR 21(174), theorem 7 (exponent); pilot (level)",
        confidence="medium" if wanted <= cap else "low",
        decided_by=facts.by("n_motifs"),
    )


def _motif_alternatives(
    facts: _Facts, rank: int, value: int, wanted: int
) -> tuple[dict[str, float | int | str], ...]:
    sizes = {
        "half": max(1, value // 2),
        "double": 2 * value,
        "at the dimension's lower end": sizing.wanted_motifs(
            facts.pilot_dof, facts.n_rows / facts.pilot_rows, facts.low, facts.smoothness
        ),
        "at the dimension's value": sizing.wanted_motifs(
            facts.pilot_dof, facts.n_rows / facts.pilot_rows, facts.value, facts.smoothness
        ),
    }
    here = sizing.network_parameters(value, facts.input_dim, rank, facts.n_outputs)
    error = sizing.relative_excess_error(value, wanted, facts.high, facts.smoothness)
    return tuple(
        {
            "name": name,
            "value": m,
            "relative_size": sizing.network_parameters(m, facts.input_dim, rank, facts.n_outputs)
            / here,
            "relative_excess_error": sizing.relative_excess_error(
                m, wanted, facts.high, facts.smoothness
            )
            / error,
        }
        for name, m in sizes.items()
    )


def _rank(facts: _Facts) -> Decision:
    value = int(facts.overrides.get("rank", facts.input_dim))
    return Decision(
        decision="rank",
        value=min(value, facts.input_dim),
        rule="q <= p; the learned metric then drops the last millionth of its trace, so this "
        "is the upper estimate that sizes the memory",
        inputs={"p": facts.input_dim, "d": facts.value},
        alternatives=(),
        source="Radhakrishnan et al. 2024, doi:10.1126/science.adi5639",
        confidence="medium",
        decided_by=facts.by("rank"),
    )


def _depth(facts: _Facts) -> Decision:
    return Decision(
        decision="depth",
        value=sizing.AFFINE_LAYERS,
        rule="constant: metric, squared norm, distances, head; theory lets depth depend on d and b "
        "but not on n or the error",
        inputs={"d": facts.high, "b": facts.smoothness},
        alternatives=({"name": "linear", "value": 1},),
        source="Nakada and Imaizumi 2020, JMLR 21(174), theorem 5",
        confidence="high",
        decided_by="auto",
    )


def _width(facts: _Facts, n_motifs: int) -> Decision:
    return Decision(
        decision="width",
        value=max(n_motifs, facts.input_dim),
        rule="one unit a motif: width = max(m, p)",
        inputs={"m": n_motifs, "p": facts.input_dim},
        alternatives=(),
        source="a consequence of n_motifs",
        confidence="high",
        decided_by="auto",
    )


def _blocks() -> Decision:
    return Decision(
        decision="blocks",
        value=2,
        rule="two parallel paths into one head: motifs and a linear skip, so ridge is contained",
        inputs={},
        alternatives=({"name": "motifs only", "value": 1},),
        source="the network must not lose to a linear model",
        confidence="high",
        decided_by="auto",
    )


def _smoothness(facts: _Facts) -> Decision:
    given = facts.by("smoothness")
    return Decision(
        decision="smoothness",
        value=facts.smoothness,
        rule="b in [0.5, 2] unless the user says otherwise: no more is identifiable from data",
        inputs={"b": facts.smoothness},
        alternatives=tuple(
            {
                "name": f"b = {b}",
                "value": b,
                "rate_exponent": sizing.rate_exponent(facts.high, b),
            }
            for b in (0.5, 1.0, 2.0)
        ),
        source="Nakada and Imaizumi 2020, JMLR 21(174), theorem 8 (minimax rate)",
        confidence="low",
        decided_by=given,
    )
