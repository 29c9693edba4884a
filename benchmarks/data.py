"""Where the real data sets lie, and which of them make a suite."""

import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("ADAPTNET_DATA", ROOT.parent / "shared" / "data"))

QUICK = ("california", "pol", "adult", "phoneme")
CORE = (
    "california", "protein", "kin40k", "pol", "pumadyn32nm", "house_8L", "bike_sharing",
    "abalone", "beijing_pm25", "nyc_flights", "adult", "bank_marketing", "letter",
    "eeg_eye_state", "optdigits", "higgs_15k", "phoneme", "electrical_grid",
)  # fmt: skip


def table_path(name: str) -> Path:
    """The Parquet file of a table."""
    return DATA / "tables" / f"{name}.parquet"


def manifest() -> dict[str, Any]:
    """What is known of each set."""
    found: dict[str, Any] = json.loads((DATA / "manifest.json").read_text())
    return found


def all_tables() -> tuple[str, ...]:
    """Every table that is there."""
    return tuple(sorted(path.stem for path in (DATA / "tables").glob("*.parquet")))
