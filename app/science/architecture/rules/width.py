"""The widest layer: a consequence of the number of motifs.

Source: none.
"""

from app.science.architecture.decision import Decision, Facts


def decide(facts: Facts, n_motifs: int) -> Decision:
    """One unit a motif."""
    return Decision(
        decision="width",
        value=max(n_motifs, facts.input_dim),
        rule="one unit a motif: width = max(m, p)",
        reason="every motif is one unit of the layer of distances",
        inputs={"m": n_motifs, "p": facts.input_dim},
        alternatives=(),
        source="a consequence of n_motifs",
        confidence="high",
    )
