"""Jobs: wait, watch, cancel, and read the evidence that they leave."""

import builtins
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.client import downloads, pages
from app.client.errors import ClientError, JobFailed, WaitTimedOut
from app.client.events import Event, follow
from app.client.models import Model, model_of
from app.client.transport import Call, Transport
from app.domain.errors import nearest
from app.domain.jobs import TERMINAL

POLL_SECONDS = 30.0
EVENTS_A_READ = 1000
REPORT_FORMATS = {".html": "html", ".md": "markdown"}


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a phase left for people."""

    name: str
    phase: str
    size: int
    sha256: str
    link: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job as the service last described it; ``refresh`` asks again."""

    id: str
    kind: str
    status: str
    phase: str | None
    fraction: float
    n_phases: int
    error: dict[str, Any] | None
    result: dict[str, Any] | None
    document: dict[str, Any] = field(repr=False, compare=False)
    _transport: Transport = field(repr=False, compare=False)

    @property
    def ended(self) -> bool:
        """Whether it will not change any more."""
        return self.status in TERMINAL

    def refresh(self) -> "Job":
        """The same job as it is now."""
        return job_of(self._transport, self._transport.get(f"/v1/jobs/{self.id}"))

    def wait(self, timeout: float | None = None) -> "Job":
        """The succeeded job. Raises ``JobFailed`` for any other end, ``WaitTimedOut`` for none."""
        deadline = None if timeout is None else time.monotonic() + timeout
        job = self
        while not job.ended:
            left = POLL_SECONDS if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(f"job {self.id} is {job.status} after {timeout:g} s; it goes on")
            poll = min(POLL_SECONDS, left)
            path = f"/v1/jobs/{self.id}"
            answer = self._transport.get(path, {"wait": poll}, timeout=poll + POLL_SECONDS)
            job = job_of(self._transport, answer)
        if job.status != "succeeded":
            raise JobFailed(job.id, job.status, job.error)
        return job

    def watch(self) -> "Job":
        """Show phases, headline numbers and progress until the end; returns the job as it is then.

        Ctrl-C stops the watching, not the job.
        """
        from app.client.watch import watch  # noqa: PLC0415  (rich, which only this needs)

        return watch(self)

    def events(self, after: int = 0) -> list[Event]:
        """The history so far, behind the entry ``after``."""
        found: list[Event] = []
        path = f"/v1/jobs/{self.id}/events"
        while True:
            page = self._transport.get(path, {"after": after, "limit": EVENTS_A_READ})
            found += [Event.from_json(entry) for entry in page["data"]]
            after = page["last_seq"]
            if len(page["data"]) < EVENTS_A_READ:
                return found

    def stream(self, after: int = 0) -> Iterator[Event]:
        """The history, live, to the job's end; connects again when the line breaks."""
        return follow(self._transport, self.id, after=after)

    def cancel(self) -> "Job":
        """Ask for its end. It may still succeed if it is done first."""
        return job_of(self._transport, self._transport.post(f"/v1/jobs/{self.id}/cancel"))

    def pause(self) -> "Job":
        """Hold it back: at once in the queue, at the end of its phase where it runs."""
        return job_of(self._transport, self._transport.post(f"/v1/jobs/{self.id}/pause"))

    def resume(self) -> "Job":
        """Let it go on behind its last finished phase."""
        return job_of(self._transport, self._transport.post(f"/v1/jobs/{self.id}/resume"))

    def report(self) -> dict[str, Any]:
        """Everything that was measured, in one document."""
        return self._document("report")

    def dimension(self) -> dict[str, Any]:
        """The intrinsic dimension with its evidence; there as soon as its phase is done."""
        return self._document("intrinsic-dimension")

    def advice(self) -> dict[str, Any]:
        """The architecture and why: one entry of evidence a decision."""
        return self._document("advice")

    def comparison(self) -> dict[str, Any]:
        """Our network against the baselines on the test rows, or over several seeds."""
        return self._document("comparison")

    def forecast(self, rows: int | None = None, target: float | None = None) -> dict[str, Any]:
        """What more rows would bring: the error after ``rows``, the rows for an error."""
        asked = {"rows": rows, "target": target}
        return dict(self._transport.get(f"/v1/jobs/{self.id}/forecast", asked))

    def structure(self) -> dict[str, Any]:
        """Whether the target is smooth or jumps, and which methods that favors."""
        return self._document("structure")

    def save_report(self, path: str | Path) -> Path:
        """Write the report to a file: a page for ``.html``, Markdown for ``.md``, else JSON."""
        target = Path(path)
        wanted = REPORT_FORMATS.get(target.suffix.lower(), "json")
        call = Call("GET", f"/v1/jobs/{self.id}/report", params={"format": wanted})
        target.write_bytes(self._transport.send(call).content)
        return target

    def artifacts(self) -> list[Artifact]:
        """The files that the finished phases left: plots, tables, reports, the package."""
        found = self._transport.get(f"/v1/jobs/{self.id}/artifacts")["data"]
        return [
            Artifact(a["name"], a["phase"], a["size"], a["sha256"], a["links"]["download"])
            for a in found
        ]

    def download_artifact(self, name: str, path: str | Path = ".") -> Path:
        """Download one file, to a file or into a folder; its SHA-256 is checked."""
        known = {artifact.name: artifact for artifact in self.artifacts()}
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}?" if near else f"it has {', '.join(known) or 'none yet'}"
            raise ClientError(f"job {self.id} has no file {name!r}; {hint}")
        target = Path(path) / name if Path(path).is_dir() else Path(path)
        found = known[name]
        return downloads.fetch(self._transport, found.link, target, sha256=found.sha256)

    @property
    def model(self) -> Model:
        """The model that the job has made."""
        job = self if self.ended else self.refresh()
        if not job.result or not job.document.get("model_version"):
            raise ClientError(f"job {job.id} ({job.kind}, {job.status}) has no model")
        name, version_id = job.result["register_as"], job.document["model_version"]
        versions = self._transport.get(f"/v1/models/{name}/versions")
        return model_of(self._transport, next(v for v in versions if v["id"] == version_id))

    def _document(self, name: str) -> dict[str, Any]:
        return dict(self._transport.get(f"/v1/jobs/{self.id}/{name}"))


class Jobs:
    """The jobs of the key's project."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, spec: Mapping[str, Any]) -> Job:
        """Queue a job from a whole body, such as one that was read from a file."""
        return job_of(self._transport, self._transport.post("/v1/jobs", dict(spec)))

    def get(self, job_id: str) -> Job:
        """One job."""
        return job_of(self._transport, self._transport.get(f"/v1/jobs/{job_id}"))

    def list(
        self,
        *,
        status: "str | builtins.list[str] | None" = None,
        kind: "str | builtins.list[str] | None" = None,
        limit: int = 50,
    ) -> "builtins.list[Job]":
        """The newest jobs, of these states and kinds."""
        found = pages.rows(self._transport, "/v1/jobs", limit, {"status": status, "kind": kind})
        return [job_of(self._transport, entry) for entry in found]

    def cancel(self, job_id: str) -> Job:
        """Ask for a job's end."""
        return self.get(job_id).cancel()

    def pause(self, job_id: str) -> Job:
        """Hold a job back."""
        return self.get(job_id).pause()

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self.get(job_id).resume()


def job_of(transport: Transport, document: Mapping[str, Any]) -> Job:
    """A job from the service's answer."""
    return Job(
        id=document["id"],
        kind=document["kind"],
        status=document["status"],
        phase=document["phase"],
        fraction=document["progress"]["fraction"],
        n_phases=document["progress"]["phase_count"],
        error=document["error"],
        result=document["result"],
        document=dict(document),
        _transport=transport,
    )
