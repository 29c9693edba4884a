"""Phase ``invariance``: mirrors, shifts, turns and orders under which the target stays as it is."""

from typing import Any

import numpy as np

from app.science.errors import ScienceError
from app.science.mimicry import target as targets
from app.science.structure.invariance.find import Rates, find_invariances
from app.science.structure.invariance.study import WORK_ROWS
from workers.context import Context
from workers.measured import NO_TARGET, intrinsic_dimension, unresolved, write_invariance
from workers.media.modality import inputs_of, medium, open_part, targets_of
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/invariance.json``. In a training it sees no test rows."""
    return write_invariance(context, _measure(context))


def _measure(context: Context) -> dict[str, Any]:
    selection = context.read_json("materialize", "selection.json")
    if "target" not in selection:
        return unresolved(NO_TARGET)
    part = open_part(context)
    inputs, y = inputs_of(context, part), targets_of(context, part)
    rows = np.sort(np.random.default_rng([context.seed, 53]).permutation(len(y))[:WORK_ROWS])
    try:
        x, layout = medium(context).modality.study(inputs[rows], context.seed)
        target = targets.make(y[rows], selection["task"], tuple(selection["classes"]))
        found = find_invariances(
            x,
            target.columns(),
            layout,
            seed=context.seed,
            rates=Rates(dimension=intrinsic_dimension(context)["value"]),
        )
    except ScienceError as error:
        return unresolved(error)
    return found.to_json()


PLUGIN: Phase = run
