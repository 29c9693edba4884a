"""How smooth the target is taken to be.

Source: Nakada and Imaizumi 2020, JMLR 21(174), theorem 8 (the minimax rate that b sets).
"""

from app.science.architecture import sizing
from app.science.architecture.decision import Decision, Facts

LEAST, MOST = 0.5, 2.0


def decide(facts: Facts) -> Decision:
    """B within what data can tell."""
    value = min(max(facts.smoothness, LEAST), MOST)
    return Decision(
        decision="smoothness",
        value=value,
        rule=f"b = clip(b, {LEAST:g}, {MOST:g}): no more is identifiable from data",
        reason=f"the excess error is then expected to fall as n^-"
        f"{sizing.rate_exponent(facts.dimension_high, value):.2g}",
        inputs={"b": facts.smoothness},
        alternatives=tuple(
            {
                "name": f"b = {b:g}",
                "value": b,
                "rate_exponent": sizing.rate_exponent(facts.dimension_high, b),
            }
            for b in (LEAST, 1.0, MOST)
            if b != value
        ),
        source="Nakada and Imaizumi 2020, JMLR 21(174), theorem 8",
        confidence="low",
    )
