"""The Python client: httpx and numpy, nothing else of ours but the package reader.

>>> from app.client import Client                            # doctest: +SKIP
>>> job = Client().train("churn@latest", target="y")         # doctest: +SKIP
>>> job.watch().model.load().predict(rows)                   # doctest: +SKIP
"""

from app.client.client import Client
from app.client.datasets import Dataset
from app.client.errors import (
    ApiError,
    ClientError,
    Conflict,
    ConnectionFailed,
    DatasetInvalid,
    DownloadDamaged,
    JobFailed,
    KeyRefused,
    NotConfigured,
    NotFound,
    RequestInvalid,
    ScopeMissing,
    TooBusy,
    WaitTimedOut,
)
from app.client.estimates import Estimate
from app.client.events import Event
from app.client.jobs import Artifact, Job
from app.client.models import Model, Predictions
from app.client.transport import Patience

__all__ = [
    "ApiError",
    "Artifact",
    "Client",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "Dataset",
    "DatasetInvalid",
    "DownloadDamaged",
    "Estimate",
    "Event",
    "Job",
    "JobFailed",
    "KeyRefused",
    "Model",
    "NotConfigured",
    "NotFound",
    "Patience",
    "Predictions",
    "RequestInvalid",
    "ScopeMissing",
    "TooBusy",
    "WaitTimedOut",
]
