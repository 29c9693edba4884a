"""How many affine layers.

Source: Nakada and Imaizumi 2020, JMLR 21(174), theorem 5 (depth does not grow with the accuracy).
"""

from app.science.architecture import sizing
from app.science.architecture.decision import Decision, Facts


def decide(facts: Facts, smoothness: float) -> Decision:
    """A constant."""
    return Decision(
        decision="depth",
        value=sizing.AFFINE_LAYERS,
        rule="constant: metric, squared norm, distances, head; theory lets depth depend on d and b "
        "but not on n or the error",
        reason="more layers would cost latency and bring no faster rate",
        inputs={"d": facts.dimension_high, "b": smoothness},
        alternatives=(
            {
                "name": "linear",
                "value": 1,
                "relative_size": _linear_share(facts),
            },
        ),
        source="Nakada and Imaizumi 2020, JMLR 21(174), theorem 5",
        confidence="high",
    )


def _linear_share(facts: Facts) -> float:
    linear = facts.n_outputs * (facts.input_dim + 1)
    least = sizing.network_parameters(
        sizing.MIN_MOTIFS, facts.input_dim, facts.input_dim, facts.n_outputs
    )
    return linear / least
