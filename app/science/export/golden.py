"""The golden rows inside a package: inputs as columns, outputs as the trained network gave them.

``selftest.json`` holds levels and names, ``selftest.safetensors`` holds the numbers in float64.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.science.encoding.encoding import Columns
from app.science.export.errors import PackageError

FORMAT = "adaptnet-selftest/1"
TOLERANCE = 1e-5
MAX_ROWS = 4096
OUTPUT = "output"


@dataclass(frozen=True)
class Golden:
    """Rows and what the model says of them.

    ``output`` : (n, 1) predictions in the target's unit, or (n, c) probabilities.
    """

    columns: Columns
    output: NDArray[np.float64]
    tolerance: float = TOLERANCE

    @property
    def n_rows(self) -> int:
        """How many rows there are."""
        return len(self.output)

    def to_json(self) -> dict[str, Any]:
        """What ``selftest.json`` stores."""
        return {
            "format": FORMAT,
            "n_rows": self.n_rows,
            "tolerance": self.tolerance,
            "output": OUTPUT,
            "columns": [
                {"name": name, "levels": list(values)}
                if values.dtype == np.object_
                else {"name": name, "tensor": f"input.{index}"}
                for index, (name, values) in enumerate(self.columns.items())
            ],
        }

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What ``selftest.safetensors`` stores; a missing number is left to the mask beside it."""
        stored: dict[str, NDArray[Any]] = {OUTPUT: self.output}
        for index, values in enumerate(self.columns.values()):
            if values.dtype != np.object_:
                stored[f"input.{index}"] = np.nan_to_num(values, nan=0.0)
                stored[f"missing.{index}"] = np.isnan(values).astype(np.float64)
        return stored


def relative_difference(values: NDArray[Any], reference: NDArray[Any]) -> float:
    """Largest difference, relative to the spread of the reference.

    A prediction is used to tell rows apart, so the unit is the range of the predictions over
    the rows, not their size: for a target of 1.7e9 seconds that varies by one day, 1e-5 is one
    second, not five hours. The floor of 1e-10 times the largest value keeps a constant
    model testable in float64. Probabilities are compared on their own scale, 0 to 1: pass
    them with at least two columns.

    Parameters
    ----------
    values, reference : (n, 1) predictions or (n, c) probabilities

    Returns
    -------
    0 or more, or infinity where a value is not finite or shapes differ
    """
    if values.shape != reference.shape or not np.isfinite(values).all():
        return float("inf")
    if not reference.size:
        return 0.0
    scale = 1.0
    if reference.shape[1] == 1:
        spread, size = float(np.ptp(reference)), float(np.abs(reference).max())
        scale = max(spread, 1e-10 * size) or 1.0
    return float(np.abs(values - reference).max()) / scale


def parse(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Golden:
    """The golden rows of an untrusted package.

    Raises
    ------
    PackageError
        Another version, or documents and tensors that do not fit together.
    """
    part = "selftest.json"
    if document.get("format") != FORMAT:
        found = document.get("format")
        raise PackageError(part, f"format is {found!r:.40}, this reader knows {FORMAT!r}")
    try:
        output = tensors[OUTPUT]
        tolerance = float(document["tolerance"])
        columns = {str(e["name"]): _column(e, tensors) for e in document["columns"]}
        shapes = {values.shape for values in columns.values()}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise PackageError(part, "is malformed") from None
    if output.ndim != 2 or shapes != {output.shape[:1]} or not 0 < len(output) <= MAX_ROWS:
        raise PackageError(part, f"needs 1 to {MAX_ROWS} rows, the same in all columns")
    if not 0 < tolerance <= 1e-3:
        raise PackageError(part, f"a tolerance of {tolerance} proves nothing")
    return Golden(columns, output, tolerance)


def _column(entry: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    if "levels" in entry:
        levels = np.empty(len(entry["levels"]), dtype=object)
        levels[:] = [value if value is None else str(value) for value in entry["levels"]]
        return levels
    values = tensors[entry["tensor"]]
    missing = tensors[entry["tensor"].replace("input.", "missing.")]
    return np.where(missing != 0, np.nan, values.astype(np.float64))
