"""The vocabulary of models: a registered, immutable version."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One trained network. ``files`` maps a download format to key, size, SHA-256 and name."""

    id: str
    project_id: str
    model_id: str
    name: str
    version: int
    job_id: str
    dataset_version_id: str | None
    files: dict[str, dict[str, Any]]
    summary: dict[str, Any]
    created_at: datetime
