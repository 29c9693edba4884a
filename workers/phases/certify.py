"""Phase ``certify``: how far the carried-over teacher may lie from the teacher itself."""

from dataclasses import replace
from typing import Any

from app.science.mimicry.certificate import certify
from workers.context import Context
from workers.phase import Phase
from workers.tabular import carried_teacher, encoded, transferred_network


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/certify.json``: what is proved, and what was seen. Before corrections."""
    found = certify(
        carried_teacher(context),
        transferred_network(context),
        encoded(context).fit_x,
        seed=context.seed,
    )
    tuned = context.read_json("correct", "correct.json").get("fine_tune", {})
    if tuned.get("accepted"):
        found = replace(found, certified_sup=None, reason=tuned["certified_sup_reason"])
    document = found.to_json()
    context.write_json("certify.json", document, public=True)
    return {key: document[key] for key in ("certified_sup", "observed_max", "observed_rms")}


PLUGIN: Phase = run
