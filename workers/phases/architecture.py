"""Phase ``architecture``: the network that follows from the data's structure, with reasons."""

from typing import Any

from app.domain.kinds.advise import AdviseSpec
from app.domain.tabular import TabularSpec
from app.science.architecture.advice import OVERRIDES, ArchitectureAdvice, choose
from app.science.architecture.decision import Facts
from app.science.architecture.pilot import Pilot, pilot_dof
from app.science.structure.invariance.exploit import MOST_ELEMENTS
from workers.context import Context
from workers.phase import Phase
from workers.tabular import Encoded, encoded

WIDEST_SMOOTHNESS = 1.0


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/architecture.json``. Sees training rows only."""
    data = encoded(context)
    pilot = pilot_dof(data.train_x, data.train_y, data.task, seed=context.seed)
    context.progress(0.8, "pilot")
    advice = _choose(context, data, pilot, len(data.fit_x))
    document = {**advice.to_json(), "pilot": pilot.to_json(), "what_if": []}
    if isinstance(context.spec, AdviseSpec):
        for n_rows in context.spec.what_if_rows:
            other = _choose(context, data, pilot, n_rows)
            sizes = {"n_motifs": other.n_motifs, "n_parameters": other.n_parameters}
            document["what_if"].append({"n_rows": n_rows, **sizes})
    context.write_json("architecture.json", document, public=True)
    return {key: document[key] for key in ("n_motifs", "depth", "width", "rank", "n_parameters")}


def _choose(context: Context, data: Encoded, pilot: Pilot, n_rows: int) -> ArchitectureAdvice:
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    asked = context.spec.architecture
    overrides = {name: value for name in OVERRIDES if (value := getattr(asked, name)) is not None}
    dimension = context.read_json("dimension", "dimension.json")["recommended"]
    facts = Facts(
        n_rows=n_rows,
        dimension_value=dimension["value"],
        dimension_low=dimension["low"],
        dimension_high=dimension["for_sizing"],
        pilot_dof=pilot.effective_dof,
        pilot_rows=pilot.n_rows,
        pilot_risk=pilot.gcv,
        n_outputs=max(1, len(data.classes)),
        input_dim=data.train_x.shape[1],
        max_parameters=asked.max_parameters,
        overrides=overrides,
        **_structure(context),
        **_invariance(context),
    )
    return choose(facts)


def _structure(context: Context) -> dict[str, Any]:
    """Smoothness and jumps, where an earlier phase has measured them.

    Only a confident smoothness counts: an interval over all of [0.5, 2] says nothing.
    """
    if "structure" not in context.job["phases"]:
        return {}
    found = context.read_json("structure", "structure.json")
    if found.get("unresolved"):
        return {}
    smooth, index = found["smoothness"], (found["structure_function"] or {}).get("jump_index")
    known = smooth["high"] - smooth["low"] < WIDEST_SMOOTHNESS
    return {
        "smoothness": smooth["value"] if known else 1.0,
        "jump": found["verdict"]["side"],
        "jump_index": index and index["value"],
    }


def _invariance(context: Context) -> dict[str, Any]:
    """The group that pays, where an earlier phase has found one that is small enough to use."""
    if "invariance" not in context.job["phases"]:
        return {}
    found = context.read_json("invariance", "invariance.json")
    if found.get("unresolved") or not found["pays"]:
        return {}
    group = found["group"]
    if group["order"] is None or group["order"] > MOST_ELEMENTS:
        return {}
    return {
        "group": "; ".join(group["generators"]),
        "group_order": float(group["order"]),
        "mechanism": "feature_averaging",
    }


PLUGIN: Phase = run
