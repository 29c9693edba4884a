"""Whether the network needs gates: steps along a smooth surface, for targets that jump.

Source: Imaizumi and Fukumizu 2022, JMLR 23(111), theorem 7 (a network with steps has the rate of
its boundary or its pieces, whichever is slower) and proposition 15 (no linear estimator has).
"""

from app.science.architecture import sizing
from app.science.architecture.decision import Confidence, Decision, Facts, Jump

REASONS: dict[Jump | None, str] = {
    "smooth": "no jump is seen: a kernel already has the best rate",
    "undecided": "the measurements do not agree: a gate is tried and held-out rows decide",
    "jump": "a jump is seen: without a gate a kernel's rate is suboptimal",
    None: "jumps were not measured: a gate is tried and held-out rows decide",
}


def decide(facts: Facts, smoothness: float) -> Decision:
    """One level-set gate unless the target is seen to be smooth."""
    value = 0 if facts.jump == "smooth" else 1
    d = max(facts.dimension_high, 1.0)
    smooth = sizing.rate_exponent(d, smoothness)
    linear = smooth if facts.jump == "smooth" else min(smooth, 1.0 / (d + 1.0))
    return Decision(
        decision="gates",
        value=value,
        rule="0 where the target is smooth, else 1 level-set gate, kept if the held-out loss falls "
        "by one standard error",
        reason=REASONS[facts.jump],
        inputs={"jump": facts.jump, "J": facts.jump_index, "d": d, "b": smoothness},
        alternatives=(
            {"name": "no gate", "value": 0, "rate_exponent": linear},
            {"name": "one gate", "value": 1, "rate_exponent": min(smooth, 1.0 / d)},
        ),
        source="Imaizumi and Fukumizu 2022, JMLR 23(111), theorem 7 and proposition 15",
        confidence=_confidence(facts.jump),
    )


def _confidence(jump: Jump | None) -> Confidence:
    return "low" if jump in (None, "undecided") else "medium"
