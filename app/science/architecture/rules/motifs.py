"""How many motifs: the level from a pilot, the growth with rows from the dimension.

Source: Nakada and Imaizumi 2020, JMLR 21(174), theorem 7 (exponent); Sannai, Imaizumi and Kawano
2021, UAI, lemma 2 (a group of order g divides the cells to cover by g).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from app.science.architecture import sizing
from app.science.architecture.decision import Decision, Facts, Value


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the rule computes on its way: wanted before caps, the cap, and the value."""

    wanted: int
    cap: int
    value: int


def sizes(facts: Facts, smoothness: float, rank: int) -> Sizes:
    """The rule's three numbers."""
    wanted = _wanted(facts, facts.dimension_high, smoothness)
    share = facts.n_rows // sizing.ROWS_PER_MOTIF
    cap = min(max(share, sizing.MIN_MOTIFS), sizing.MAX_MOTIFS)
    value = min(max(wanted, sizing.MIN_MOTIFS), cap)
    if facts.max_parameters is not None:
        room = sizing.motifs_within(facts.max_parameters, facts.input_dim, rank, facts.n_outputs)
        value = max(1, min(value, room))
    return Sizes(wanted, cap, value)


def decide(facts: Facts, smoothness: float, rank: int) -> Decision:
    """The least size whose error is the data's, not the network's."""
    found = sizes(facts, smoothness, rank)
    return Decision(
        decision="n_motifs",
        value=found.value,
        rule=f"m = clip(ceil({sizing.MOTIFS_PER_DOF:g} df (n / n_pilot)^(d / (2 b + d)) "
        f"g^(-2 b / (2 b + d))), {sizing.MIN_MOTIFS}, min(n / {sizing.ROWS_PER_MOTIF}, "
        f"{sizing.MAX_MOTIFS})), then within max_parameters; d is the upper end of its interval",
        reason=_reason(facts, found),
        inputs={
            "df": facts.pilot_dof,
            "n": facts.n_rows,
            "n_pilot": facts.pilot_rows,
            "d": facts.dimension_high,
            "b": smoothness,
            "g": _cells(facts),
            "wanted": found.wanted,
            "cap": found.cap,
            "max_parameters": facts.max_parameters,
        },
        alternatives=alternatives(facts, smoothness, rank, found.value),
        source="Nakada and Imaizumi 2020, JMLR 21(174), theorem 7 (exponent); pilot (level)",
        confidence="medium" if found.wanted <= found.cap else "low",
    )


def alternatives(
    facts: Facts, smoothness: float, rank: int, value: int
) -> tuple[Mapping[str, Value], ...]:
    """Other sizes with their size, latency and error beside those of ``value``."""
    wanted = _wanted(facts, facts.dimension_high, smoothness)
    others = {
        "half": max(1, value // 2),
        "double": 2 * value,
        "at the dimension's lower end": _wanted(facts, facts.dimension_low, smoothness),
        "at the dimension's value": _wanted(facts, facts.dimension_value, smoothness),
    }

    def numbers(m: int) -> int:
        return sizing.network_parameters(m, facts.input_dim, rank, facts.n_outputs)

    def excess(m: int) -> float:
        return sizing.relative_excess_error(m, wanted, facts.dimension_high, smoothness)

    def described(name: str, m: int) -> Mapping[str, Value]:
        ratio = excess(m) / excess(value)
        share = facts.excess_share()
        found: dict[str, Value] = {
            "name": name,
            "value": m,
            "n_parameters": numbers(m),
            "relative_size": numbers(m) / numbers(value),
            "relative_latency": sizing.latency_us(numbers(m)) / sizing.latency_us(numbers(value)),
            "relative_excess_error": ratio,
        }
        if facts.pilot_risk is not None:
            risk = facts.pilot_risk * (1.0 - share + share * ratio)
            found["predicted_error"] = risk**0.5
        return found

    return tuple(described(name, m) for name, m in others.items())


def _wanted(facts: Facts, dimension: float, smoothness: float) -> int:
    ratio = facts.n_rows / facts.pilot_rows
    return sizing.wanted_motifs(facts.pilot_dof, ratio, dimension, smoothness, _cells(facts))


def _cells(facts: Facts) -> float:
    """By how much fewer the cells are; an average's network still sees every row as it is."""
    return 1.0 if facts.mechanism == "feature_averaging" else facts.group_order


def _reason(facts: Facts, found: Sizes) -> str:
    if found.value < min(found.wanted, found.cap):
        return f"max_parameters = {facts.max_parameters:,} leaves room for no more"
    if found.wanted > found.cap:
        return f"the data ask for {found.wanted:,}, more than {found.cap:,} rows or memory allow"
    if found.wanted < found.value:
        return "the data ask for very few; below this size nothing is saved"
    return f"a pilot used {facts.pilot_dof:.0f} degrees of freedom on {facts.pilot_rows:,} rows"
