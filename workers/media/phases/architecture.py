"""Phase ``architecture``: the network to fit, with the reasons."""

from typing import Any

from app.domain.tabular import TabularSpec
from workers.context import Context
from workers.media.modality import medium, training_of
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/architecture.json``. Sees training and validation rows only."""
    document = medium(context).modality.plan(training_of(context), _accepted(context))
    context.write_json("architecture.json", document, public=True)
    return {key: document[key] for key in ("n_motifs", "depth", "width") if key in document}


def _accepted(context: Context) -> dict[str, list[str]]:
    """Changes under which the target stays as it is, by group; none where the body says so."""
    assert isinstance(context.spec, TabularSpec)  # noqa: S101  (only such kinds have this phase)
    found = context.read_json("invariance", "invariance.json")
    if found.get("unresolved") or context.spec.architecture.pooling == "none":
        return {}
    accepted: dict[str, list[str]] = {}
    for finding in found["findings"]:
        if finding["accepted"]:
            accepted.setdefault(finding["group"], []).append(finding["text"])
    return accepted


PLUGIN: Phase = run
