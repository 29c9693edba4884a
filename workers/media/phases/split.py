"""Phase ``split``: training, validation, calibration and test rows. Nothing is encoded yet."""

from typing import Any

from workers import parts
from workers.context import Context
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Leave the row numbers of the four parts."""
    split, rows, _ = parts.drawn(context)
    context.write_arrays(
        "rows.safetensors", {name: rows[part] for name, part in split.parts.items()}
    )
    return {f"n_{name}": len(part) for name, part in split.parts.items()}


PLUGIN: Phase = run
