"""Phase ``certify``: there is no bound, because nothing was carried over that could be off."""

from typing import Any

from workers.context import Context
from workers.phase import Phase

REASON = "the convex model is the last layer of the network itself: nothing was carried over"


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/certify.json``: null, and why."""
    document = {"certified_sup": None, "observed_max": None, "reason": REASON}
    context.write_json("certify.json", document, public=True)
    return document


PLUGIN: Phase = run
