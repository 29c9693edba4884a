"""How many paths lie side by side.

Source: Nakada and Imaizumi 2021, arXiv:2103.00500 (parallel and residual structure keeps the risk
of over-parameterized networks bounded). Differs from the paper: a tuned penalty already removes
the peak, so one block of motifs is enough beside the skip path.
"""

from app.science.architecture.decision import Decision, Facts


def decide(facts: Facts) -> Decision:
    """Motifs and a linear skip."""
    return Decision(
        decision="blocks",
        value=2,
        rule="two parallel paths into one head: motifs and a linear skip, so ridge is contained",
        reason="the network must not lose to a linear model",
        inputs={"p": facts.input_dim},
        alternatives=({"name": "motifs only", "value": 1},),
        source="Nakada and Imaizumi 2021, arXiv:2103.00500 (parallel and residual networks)",
        confidence="high",
    )
