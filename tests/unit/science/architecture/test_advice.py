"""The advice follows its formula, records overrides and names the alternatives."""

import json
from typing import Any

import numpy as np
import pytest

from app.science.architecture import advice, sizing
from app.science.architecture.decision import Decision, Facts, Jump
from app.science.architecture.pilot import pilot_dof
from app.science.errors import UnusableOverride


def advise(**changes: Any) -> advice.ArchitectureAdvice:  # noqa: ANN401 - any fact
    facts: dict[str, Any] = {
        "n_rows": 10_000,
        "dimension_value": 4.0,
        "dimension_low": 3.0,
        "dimension_high": 5.0,
        "pilot_dof": 100.0,
        "pilot_rows": 4000,
        "n_outputs": 1,
        "input_dim": 12,
    }
    return advice.choose(Facts(**{**facts, **changes}))


def decision(given: advice.ArchitectureAdvice, name: str) -> Decision:
    return next(d for d in given.evidence if d.decision == name)


def test_follows_the_formula() -> None:
    assert advise().n_motifs == int(np.ceil(400 * 2.5 ** (5 / 7)))


@pytest.mark.parametrize(
    ("fact", "values"),
    [
        ("dimension_high", (4.0, 6.0, 12.0, 30.0)),
        ("n_rows", (4000, 8000, 20_000, 100_000)),
        ("pilot_dof", (5.0, 50.0, 150.0, 500.0)),
    ],
)
def test_more_of_it_asks_for_more_motifs(fact: str, values: tuple[float, ...]) -> None:
    sizes = [advise(**{fact: value}).n_motifs for value in values]

    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


def test_an_override_is_kept_and_recorded() -> None:
    given = advise(overrides={"n_motifs": 123})

    motifs = decision(given, "n_motifs")
    assert given.n_motifs == 123
    assert motifs.decided_by == "user"
    assert motifs.rule_value == advise().n_motifs
    assert decision(given, "depth").decided_by == "rule"
    assert decision(advise(), "n_motifs").decided_by == "rule"


@pytest.mark.parametrize(
    "override", [{"depht": 3}, {"n_motifs": 0}, {"gates": 2}, {"pooling": "some"}]
)
def test_an_unusable_override_is_refused(override: dict[str, Any]) -> None:
    with pytest.raises(UnusableOverride):
        advise(overrides=override)


def test_the_budget_holds() -> None:
    assert advise(max_parameters=5000).n_parameters <= 5000


def test_counterfactual_and_json() -> None:
    given = advise()

    stored = json.loads(json.dumps(given.to_json()))

    assert stored["counterfactual"]["n_parameters"] == sizing.mlp_parameters(12, 1)
    assert "P=" in stored["counterfactual"]["text"]
    assert {"decision", "value", "rule", "inputs", "alternatives", "source", "confidence"} <= set(
        stored["evidence"][0]
    )
    assert given.rate_exponent == pytest.approx(2 / 7)


def test_the_perceptron_is_counted_layer_by_layer() -> None:
    assert sizing.mlp_parameters(10, 1, width=2, hidden=2) == 22 + 6 + 3


def test_more_complex_targets_need_more_degrees_of_freedom() -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(-1, 1, (1500, 3))
    noise = 0.1 * rng.normal(size=1500)

    plain = pilot_dof(rows, rows[:, 0] + noise, "regression", seed=0)
    wavy = pilot_dof(rows, np.sin(6 * rows).sum(axis=1) + noise, "regression", seed=0)

    assert wavy.effective_dof > 2 * plain.effective_dof
    assert pilot_dof(rows, rows[:, 0] + noise, "regression", seed=0) == plain


@pytest.mark.parametrize(
    ("jump", "gates"), [("smooth", 0), ("undecided", 1), ("jump", 1), (None, 1)]
)
def test_a_gate_is_tried_unless_the_target_is_seen_to_be_smooth(
    jump: Jump | None, gates: int
) -> None:
    given = advise(jump=jump)

    assert given.gates == gates
    assert decision(given, "gates").reason


def test_an_invariance_saves_motifs_and_names_its_mechanism() -> None:
    plain = advise()

    invariant = advise(group="swaps of a and b", group_order=2.0, mechanism="canonical_form")

    assert invariant.pooling == "canonical_form"
    assert invariant.n_motifs == int(np.ceil(400 * 2.5 ** (5 / 7) * 2 ** (-2 / 7)))
    assert invariant.n_motifs < plain.n_motifs


def test_alternatives_trade_error_for_size() -> None:
    motifs = decision(advise(pilot_risk=0.2, noise_share=0.1), "n_motifs")
    named = {other["name"]: other for other in motifs.alternatives}

    half, double = named["half"], named["double"]
    assert float(half["relative_excess_error"]) > 1.0 > float(double["relative_excess_error"])
    assert float(half["relative_size"]) < 1.0 < float(double["relative_latency"])
    assert 0.1**0.5 < float(double["predicted_error"]) < 0.2**0.5 < float(half["predicted_error"])
