"""The API process of the fault harness: ``uvicorn benchmarks.faults_api:app``."""

from app.main import app
from benchmarks import faults_patches

__all__ = ["app"]

faults_patches.install_store()
