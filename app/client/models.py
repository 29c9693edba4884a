"""Models: list, download with checks, load with numpy, predict here or there."""

import builtins
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from app.client import downloads, pages, tables
from app.client.errors import ClientError, DownloadDamaged
from app.client.transport import Transport
from app.domain.errors import nearest
from app.science.export import runtime

if TYPE_CHECKING:
    from app.science.export.media_runtime import MediaModel

Loaded = TypeVar("Loaded", bound=runtime.Verifiable)


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predictions in the order of the rows.

    ``classes``, ``probabilities`` and ``sets`` are of classification only, ``intervals`` of
    regression only; the last two are there where an interval was asked for.
    """

    predictions: tuple[Any, ...]
    classes: tuple[str, ...] | None
    probabilities: tuple[tuple[float, ...], ...] | None
    intervals: tuple[tuple[float, float], ...] | None = None
    sets: tuple[tuple[str, ...], ...] | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One trained, immutable network. ``summary`` is the card in short."""

    reference: str
    name: str
    version: int
    job_id: str
    summary: dict[str, Any]
    files: dict[str, dict[str, Any]]
    created_at: str
    document: dict[str, Any] = field(repr=False, compare=False)
    _transport: Transport = field(repr=False, compare=False)

    def download(self, path: str | Path = ".", format: str = "package") -> Path:  # noqa: A002
        """Download to a file, or into a folder; goes on where it broke off, checks the SHA-256."""
        if format not in self.files:
            near = nearest(format, self.files)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(self.files)}"
            raise ClientError(f"{self.reference} has no format {format!r}; {hint}")
        file = self.files[format]
        target = Path(path)
        if target.is_dir():
            suffix = "".join(Path(file["filename"]).suffixes)
            target /= f"{self.name}-{self.version}{suffix}"
        return downloads.fetch(self._transport, file["link"], target, sha256=file["sha256"])

    def load(self) -> runtime.LoadedModel:
        """The model in this process, with numpy alone; its self-test has passed on this machine.

        A model of images or point sets needs ONNX Runtime and is loaded by ``load_media``.
        """
        return self._proved(runtime.load)

    def load_media(self) -> "MediaModel":
        """A model of images or point sets in this process; its self-test has passed here."""
        from app.science.export import media_runtime  # noqa: PLC0415  (onnxruntime, of an extra)

        return self._proved(media_runtime.load)

    def _proved(self, load: Callable[[Path], Loaded]) -> Loaded:
        with tempfile.TemporaryDirectory(prefix="adaptnet-") as folder:
            loaded = load(self.download(Path(folder) / "model.mmpkg"))
        test = loaded.self_test()
        if not test.passed:
            raise DownloadDamaged(
                f"{self.reference} does not compute here what it computed where it was trained: "
                f"relative difference {test.max_relative_difference:.3g}, "
                f"allowed {test.tolerance:.3g}"
            )
        return loaded

    def predict(self, rows: Any, *, interval: float | None = None) -> Predictions:  # noqa: ANN401
        """Predict at the service, up to 10,000 rows: a data frame, columns, or a list of dicts.

        ``interval`` : a level, 0.5 to 0.99, for a lower and an upper end or a set of classes
        """
        body = tables.columns_and_rows(rows) | ({"interval": interval} if interval else {})
        answer = self._transport.post(
            f"/v1/models/{self.name}/versions/{self.version}/predict", body
        )
        return Predictions(
            predictions=tuple(answer["predictions"]),
            classes=None if answer.get("classes") is None else tuple(answer["classes"]),
            probabilities=_by_row(answer.get("probabilities")),
            intervals=_by_row(answer.get("intervals")),
            sets=_by_row(answer.get("sets")),
        )


class Models:
    """The models of the key's project."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, reference: str) -> Model:
        """A version by ``name`` (the newest), ``name@2`` or ``name@latest``."""
        return model_of(self._transport, self._transport.get(f"/v1/models/{reference}"))

    def list(self, limit: int = 50) -> list[Model]:
        """The newest versions of all models."""
        found = pages.rows(self._transport, "/v1/models", limit)
        return [model_of(self._transport, entry) for entry in found]

    def versions(self, name: str) -> "builtins.list[Model]":
        """All versions of one model, newest first."""
        found = self._transport.get(f"/v1/models/{name}/versions")
        return [model_of(self._transport, entry) for entry in found]


def model_of(transport: Transport, document: Mapping[str, Any]) -> Model:
    """A model from the service's answer."""
    return Model(
        reference=document["reference"],
        name=document["name"],
        version=document["version"],
        job_id=document["job"],
        summary=dict(document["summary"]),
        files={name: dict(file) for name, file in document["files"].items()},
        created_at=document["created_at"],
        document=dict(document),
        _transport=transport,
    )


def _by_row(values: Sequence[Sequence[Any]] | None) -> tuple[Any, ...] | None:
    return None if values is None else tuple(map(tuple, values))
