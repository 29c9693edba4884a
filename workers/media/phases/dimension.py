"""Phase ``dimension``: how many numbers describe one image or point set, and which ones are plain.

Distances are taken between pixels, or between statistics of a set that know no order.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.domain.features import MEDIA
from app.science.errors import DegenerateDistances, TooFewRows
from app.science.intrinsic_dimension.duplicates import first_occurrences
from app.science.intrinsic_dimension.first_look import first_look
from app.science.intrinsic_dimension.local import LocalDimension
from app.science.intrinsic_dimension.report import measure
from app.science.linalg import Floats
from workers.context import Context
from workers.measured import ambient_only
from workers.media.modality import Inputs, Modality, inputs_of, medium, open_part, rows_of
from workers.phase import Phase

MAX_QUERIES = 5_000
MAX_ROWS, MAX_NUMBERS, MAX_VECTOR = 20_000, 20_000_000, 3_072
N_EXTREMES, BLOCK_ROWS = 8, 512


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/dimension.json``. In a training it sees no test rows."""
    found = medium(context)
    inputs, rows = inputs_of(context, open_part(context)), rows_of(context, open_part(context))
    vectors, drawn = _distinct(found.modality, inputs, context.seed)
    labels = _labels(context, rows[drawn])
    try:
        document = _measure(context, vectors, labels, rows[drawn])
    except (TooFewRows, DegenerateDistances) as error:
        document = ambient_only(vectors, str(error))
    document["columns"] = [found.column]
    if len(drawn) < len(rows):
        text = f"measured on {len(drawn):,} distinct ones of {len(rows):,} {MEDIA[found.kind]}"
        document["warnings"] = [*document["warnings"], text]
    context.write_json("dimension.json", document, public=True)
    headline = {key: document["recommended"][key] for key in ("value", "low", "high", "level")}
    headline["flags"] = document["flags"]
    context.event("dimension_estimated", headline)
    return headline


def _distinct(modality: Modality, inputs: Inputs, seed: int) -> tuple[Floats, NDArray[np.int64]]:
    """Vectors of a draw of the inputs, repeats left out, and the inputs' numbers."""
    width = modality.vectors(inputs[:1], MAX_VECTOR).shape[1]
    n_rows = max(1, min(MAX_ROWS, MAX_NUMBERS // width))
    drawn = np.sort(np.random.default_rng([seed, 47]).permutation(len(inputs))[:n_rows])
    blocks = (drawn[i : i + BLOCK_ROWS] for i in range(0, len(drawn), BLOCK_ROWS))
    found = np.concatenate([modality.vectors(inputs[rows], MAX_VECTOR) for rows in blocks])
    kept = first_occurrences(torch.from_numpy(found)).numpy()
    return found[kept], drawn[kept]


def _labels(context: Context, rows: NDArray[np.int64]) -> NDArray[Any] | None:
    """Class names of rows of the dataset, where the target has classes."""
    selection = context.read_json("materialize", "selection.json")
    if not selection.get("classes"):
        return None
    kept = context.read_arrays("materialize", "rows.safetensors")
    codes = kept["target"][np.searchsorted(kept["rows"], rows)]
    names: NDArray[np.str_] = np.array(selection["classes"])
    return names[codes]


def _measure(
    context: Context, vectors: Floats, labels: NDArray[Any] | None, rows: NDArray[np.int64]
) -> dict[str, Any]:
    first = first_look(vectors, seed=context.seed, device=context.device)
    early = {"value": first.value, "low": first.low, "high": first.high, "level": first.level}
    context.event("dimension_estimated", {**early, "flags": list(first.flags), "provisional": True})
    report = measure(
        vectors,
        labels=labels,
        max_queries=MAX_QUERIES,
        seed=context.seed,
        progress=context.progress,
        device=context.device,
    )
    return {**report.to_json(), "extremes": _extremes(report.local, labels, rows)}


def _extremes(
    local: LocalDimension, labels: NDArray[Any] | None, rows: NDArray[np.int64]
) -> dict[str, list[dict[str, Any]]]:
    """Rows of the dataset whose neighborhoods have the lowest and the highest dimension."""
    order = np.argsort(local.values, kind="stable")
    ends = {"low": order[:N_EXTREMES], "high": order[::-1][:N_EXTREMES]}
    return {
        end: [
            {
                "row": int(rows[local.rows[place]]),
                "value": float(local.values[place]),
                "label": None if labels is None else str(labels[local.rows[place]]),
            }
            for place in places
        ]
        for end, places in ends.items()
    }


PLUGIN: Phase = run
