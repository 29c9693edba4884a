"""How an accepted invariance is built into the network.

Source: Sannai, Imaizumi and Kawano 2021, UAI, theorem 2 (the order of the group multiplies the
effective sample).
"""

from app.science.architecture import sizing
from app.science.architecture.decision import Decision, Facts


def decide(facts: Facts, smoothness: float) -> Decision:
    """The mechanism that the accepted group allows, or none."""
    factor = sizing.group_error_factor(facts.group_order, facts.dimension_high, smoothness)
    accepted = facts.mechanism != "none"
    return Decision(
        decision="pooling",
        value=facts.mechanism,
        rule="the quotient map of the accepted group: canonical form, feature averaging or "
        "pooling; none where no invariance was accepted",
        reason=f"the target does not change under {facts.group}: as if there were up to "
        f"{facts.group_order:,.0f} times the rows"
        if accepted
        else "no invariance was found that pays",
        inputs={"group": facts.group, "g": facts.group_order, "n": facts.n_rows},
        alternatives=({"name": "none", "value": "none", "relative_excess_error": 1.0 / factor},)
        if accepted
        else (),
        source="Sannai, Imaizumi and Kawano 2021, UAI, theorem 2",
        confidence="medium" if accepted else "low",
    )
