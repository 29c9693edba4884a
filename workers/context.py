"""What a phase gets: the job's body, files of earlier phases, a place for its own, a voice."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from app.domain.kind import JobSpec
from workers.messages import Kind, Message

Arrays = dict[str, NDArray[Any]]


class Voice(Protocol):
    """Whoever is told what happens in the phases."""

    def say(self, kind: Kind, data: dict[str, Any]) -> None:
        """Take one message."""
        ...


class Pipe:
    """The voice of a child: messages over a pipe."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def say(self, kind: Kind, data: dict[str, Any]) -> None:
        """Send one message."""
        self._stream.write(Message(kind, data).encode())


class Context:
    """One attempt as its phases see it. All numbers travel as JSON and safetensors: no pickle."""

    def __init__(self, root: Path, spec: JobSpec, job: Mapping[str, Any], voice: Voice) -> None:
        self.root = root
        self.spec = spec
        self.job = job
        self._voice = voice
        self._phase = ""

    @property
    def seed(self) -> int:
        """The seed from the job's body."""
        return self.spec.seed

    @property
    def device(self) -> str:
        """``cpu`` or ``cuda``."""
        return str(self.job["device"])

    @property
    def inputs(self) -> Path:
        """The folder of the job's inputs."""
        return self.root / "inputs"

    def begin(self, phase: str) -> None:
        """Enter a phase with an empty folder."""
        self._phase = phase
        self.folder.mkdir(parents=True, exist_ok=True)
        self.say("phase_started", {"phase": phase})

    @property
    def folder(self) -> Path:
        """The current phase's folder."""
        return self.root / "phases" / self._phase

    def say(self, kind: Kind, data: dict[str, Any]) -> None:
        """Tell the supervisor."""
        self._voice.say(kind, data)

    def progress(self, fraction: float, note: str = "") -> None:
        """How far the current phase is, from 0 to 1."""
        self.say("progress", {"fraction": fraction, "note": note})

    def event(self, name: str, data: dict[str, Any]) -> None:
        """A partial result that callers see at once, as the event ``job.<name>``."""
        self.say("event", {"name": name, "data": data})

    def path(self, name: str, *, public: bool = False) -> Path:
        """Where the current phase writes a file; public files become artifacts."""
        path = self.folder / "public" / name if public else self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, name: str, document: object, *, public: bool = False) -> None:
        """Leave a document. NaN and infinities are refused: they are not JSON."""
        self.path(name, public=public).write_text(json.dumps(document, allow_nan=False))

    def write_arrays(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Leave arrays as safetensors."""
        from safetensors.numpy import save_file  # noqa: PLC0415  (not every phase needs it)

        dense = {key: np.ascontiguousarray(array) for key, array in arrays.items()}
        save_file(dense, self.path(name))

    def read_json(self, phase: str, name: str) -> Any:  # noqa: ANN401  (a JSON document)
        """A document of an earlier phase, private or public."""
        folder = self.root / "phases" / phase
        private = folder / name
        return json.loads((private if private.exists() else folder / "public" / name).read_text())

    def read_arrays(self, phase: str, name: str) -> Arrays:
        """Arrays of an earlier phase."""
        from safetensors.numpy import load_file  # noqa: PLC0415

        arrays: Arrays = load_file(self.root / "phases" / phase / name)
        return arrays

    def headline(self, phase: str) -> dict[str, Any]:
        """Headline numbers of an earlier phase."""
        found: dict[str, Any] = self.read_json(phase, "phase.json")["headline"]
        return found

    def seconds(self, *phases: str) -> float:
        """Seconds that earlier phases took, whichever attempt ran them."""
        return float(sum(self.read_json(phase, "phase.json")["seconds"] for phase in phases))

    def result(self, phase: str) -> dict[str, Any]:
        """What a phase left in ``result.json``, in whichever attempt; empty where it left none."""
        path = self.root / "phases" / phase / "result.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def reporter(self, low: float = 0.0, high: float = 1.0) -> Callable[[float, str], None]:
        """A progress callback for the library, for a part of the phase."""

        def report(fraction: float, note: str = "") -> None:
            self.progress(low + (high - low) * fraction, note)

        return report
