"""The process's store, and where each kind of file lies in it."""

from functools import lru_cache

from app.settings import settings
from app.storage.store import Store, open_store


@lru_cache(maxsize=1)
def store() -> Store:
    """The store that the settings name."""
    return open_store(settings.store_url, settings)


def raw_key(dataset_version_id: str) -> str:
    """Where an uploaded file lies."""
    return f"datasets/{dataset_version_id}/raw"


def output_key(job_id: str, fencing_token: int, phase: str, name: str) -> str:
    """Where an attempt puts a file: under its own prefix, so a losing attempt harms nobody."""
    return f"jobs/{job_id}/{fencing_token}/{phase}/{name}"
