"""What the phases that measure structure share: the rows they may see, and an honest blank."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.domain.kinds.analyze import AnalyzeSpec
from app.science.encoding.encoding import Encoding
from app.science.encoding.fit import fit_encoding
from app.science.errors import ScienceError
from app.science.mimicry import target as targets
from app.science.relu_network.network import Task
from workers.context import Context
from workers.tabular import Floats, encoded, features, fitted_encoding

NO_TARGET = "an invariance is a property of a target, and the job names none; name one in `label`"


@dataclass(frozen=True)
class LabelledRows:
    """Encoded rows with their targets.

    x : (n, p), by ``encoding``; y : (n,), numbers or class codes
    """

    encoding: Encoding
    x: Floats
    y: NDArray[Any]
    task: Task
    classes: tuple[str, ...]

    @property
    def columns(self) -> Floats:
        """(n, c), the target standardized, or one column a class."""
        return targets.make(self.y, self.task, self.classes).columns()


def labelled_rows(context: Context) -> LabelledRows | None:
    """Training rows; all rows of a job that holds none out; None where there is no target."""
    if not isinstance(context.spec, AnalyzeSpec):
        data = encoded(context)
        encoding = fitted_encoding(context)
        return LabelledRows(encoding, data.train_x, data.train_y, data.task, data.classes)
    selection = context.read_json("materialize", "selection.json")
    if "target" not in selection:
        return None
    kept = context.read_arrays("materialize", "rows.safetensors")
    columns, roles = features(context, kept["rows"])
    task, seed = selection["task"], context.seed
    fitted = fit_encoding(columns, roles, kept["target"], task, seed=seed)
    classes = tuple(selection["classes"])
    return LabelledRows(fitted.encoding, fitted.matrix, kept["target"], task, classes)


def unresolved(reason: ScienceError | str) -> dict[str, Any]:
    """The document of something that these data do not let anybody measure."""
    return {"unresolved": True, "sentence": f"Not measured: {str(reason).rstrip('.')}."}


def write_invariance(context: Context, document: dict[str, Any]) -> dict[str, Any]:
    """Leave ``public/invariance.json``; headlines."""
    context.write_json("invariance.json", document, public=True)
    if document.get("unresolved"):
        return {"unresolved": True}
    return {
        "generators": len(document["group"]["generators"]),
        "mechanism": document["mechanism"],
        "pays": document["pays"],
    }


def intrinsic_dimension(context: Context) -> dict[str, float]:
    """Value and ends that the phase ``dimension`` recommends."""
    found = context.read_json("dimension", "dimension.json")["recommended"]
    return {key: np.float64(found[key]).item() for key in ("value", "low", "high")}


def ambient_only(points: Floats, reason: str) -> dict[str, Any]:
    """No estimate: the number of columns is the only honest upper end."""
    width = float(points.shape[1])
    return {
        "schema": "id-report/1",
        "n": len(points),
        "ambient_dim": int(width),
        "recommended": {
            "value": width,
            "low": 0.0,
            "high": width,
            "level": None,
            "kind": "ambient",
            "for_sizing": width,
        },
        "scale_curve": [],
        "flags": ["unresolved"],
        "warnings": [f"the dimension cannot be estimated: {reason}"],
    }
