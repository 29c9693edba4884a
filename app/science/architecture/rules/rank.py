"""How many directions of the input the metric may keep.

Source: Radhakrishnan et al. 2024, doi:10.1126/science.adi5639.
"""

from app.science.architecture.decision import Decision, Facts


def decide(facts: Facts) -> Decision:
    """All of them: the learned metric itself drops what it does not use."""
    p = facts.input_dim
    return Decision(
        decision="rank",
        value=p,
        rule="q <= p; the learned metric then drops the last millionth of its trace, so this "
        "is the upper estimate that sizes the memory",
        reason="weak directions count until the metric is learned",
        inputs={"p": p, "d": facts.dimension_value},
        alternatives=(
            {
                "name": "the intrinsic dimension",
                "value": max(1, min(p, round(facts.dimension_high))),
            },
        ),
        source="Radhakrishnan et al. 2024, doi:10.1126/science.adi5639",
        confidence="medium",
    )
