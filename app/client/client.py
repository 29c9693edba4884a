"""The front door: one object for one service and one key."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any

from app.client import address, estimates
from app.client.audit import Audit
from app.client.datasets import Dataset, Datasets
from app.client.estimates import Estimate
from app.client.jobs import Job, Jobs
from app.client.models import Model, Models
from app.client.transport import Patience, Transport
from app.client.webhooks import Webhooks


class Client:
    """The service, for people who want a model and no servers.

    Parameters
    ----------
    url, key : by default ``ADAPTNET_URL`` and ``ADAPTNET_KEY``; without them the service that
        ``adaptnet up`` runs on this machine (state folder ``ADAPTNET_HOME`` or ``.adaptnet``)
    timeout : seconds to wait for an answer to begin; uploads and long polls have their own
    patience : how often and how long to try again when the service is busy or away
    """

    def __init__(
        self,
        url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        patience: Patience | None = None,
    ) -> None:
        place = address.find(url, key)
        self._transport = Transport(place, timeout=timeout, patience=patience or Patience())
        self.url = place.url
        self.datasets = Datasets(self._transport)
        self.jobs = Jobs(self._transport)
        self.models = Models(self._transport)
        self.webhooks = Webhooks(self._transport)
        self.audit = Audit(self._transport)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client cannot be used afterwards."""
        self._transport.close()

    def me(self) -> dict[str, Any]:
        """Project and scopes of the key."""
        return dict(self._transport.get("/v1/me"))

    def status(self) -> dict[str, Any]:
        """Queue depth and workers by device class."""
        return dict(self._transport.get("/v1/status"))

    def capabilities(self) -> dict[str, Any]:
        """Job kinds with examples, formats, limits, states, error codes."""
        return dict(self._transport.get("/v1/capabilities"))

    def create_key(self, name: str, scopes: list[str] | None = None) -> dict[str, Any]:
        """Make an API key; its ``secret`` is in this answer only. Needs the scope ``admin``."""
        body = {"name": name} | ({"scopes": scopes} if scopes else {})
        return dict(self._transport.post("/v1/api-keys", body, repeatable=False))

    def train(
        self,
        dataset: Dataset | str,
        target: str | dict[str, Any],
        register_as: str | None = None,
        **spec: Any,  # noqa: ANN401  (fields of a job's body)
    ) -> Job:
        """Measure the data, choose a network, train it without SGD and compare it with SGD.

        ``spec`` is any further field of a job's body: ``features``, ``split``, ``seed``, ...
        """
        if register_as is not None:
            spec["outputs"] = {**spec.get("outputs", {}), "register_as": register_as}
        return self._submit("train", dataset, target=target, **spec)

    def analyze(self, dataset: Dataset | str, **spec: Any) -> Job:  # noqa: ANN401
        """Profile the data and estimate its intrinsic dimension."""
        return self._submit("analyze", dataset, **spec)

    def advise(
        self,
        dataset: Dataset | str,
        target: str | dict[str, Any],
        **spec: Any,  # noqa: ANN401
    ) -> Job:
        """Say which network follows from the data, before any training."""
        return self._submit("advise", dataset, target=target, **spec)

    def benchmark(
        self,
        dataset: Dataset | str,
        target: str | dict[str, Any],
        **spec: Any,  # noqa: ANN401
    ) -> Job:
        """Compare our method with all baselines over several seeds; no model comes out."""
        return self._submit("benchmark", dataset, target=target, **spec)

    def estimate(
        self,
        dataset: Dataset | str,
        target: str | dict[str, Any] | None = None,
        *,
        kind: str = "train",
        rows: Sequence[int] = (),
        **spec: Any,  # noqa: ANN401
    ) -> Estimate:
        """What a job would cost and whether it can run; ``rows`` asks about other sizes too."""
        if isinstance(dataset, Dataset):
            dataset = dataset.wait().reference
        body = {"kind": kind, "dataset": dataset, **spec}
        if target is not None:
            body["target"] = target
        return estimates.ask(self._transport, body, rows)

    def predict_job(
        self,
        model: Model | str,
        dataset: Dataset | str,
        **spec: Any,  # noqa: ANN401
    ) -> Job:
        """Predict a whole dataset; the file is among the job's artifacts."""
        reference = model.reference if isinstance(model, Model) else model
        return self._submit("predict", dataset, model=reference, **spec)

    def _submit(self, kind: str, dataset: Dataset | str, **spec: Any) -> Job:  # noqa: ANN401
        """Queue a job; a dataset that was just uploaded is waited for."""
        if isinstance(dataset, Dataset):
            dataset = dataset.wait().reference
        return self.jobs.create({"kind": kind, "dataset": dataset, **spec})
