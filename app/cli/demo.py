"""``adaptnet up --demo``: a real table, a real job over the public API, the result in words."""

import os
import signal
import threading
from pathlib import Path

from rich.markup import escape

import app
from app.cli.console import err, out
from app.cli.outcome import show_outcome
from app.cli.packages import show_report
from app.cli.service import announce
from app.client import Client, ClientError, Model
from app.embedded.service import Running
from app.science.errors import ScienceError
from app.science.export import runtime

TABLE = Path(app.__file__).resolve().parents[1] / "examples" / "bikes.csv"
TARGET = "count"
MODEL = "bikes-demo"


class Demonstration:
    """The demo beside the running service, in a thread: the main one looks after the servers."""

    def __init__(self, *, leave: bool) -> None:
        self.leave = leave
        self.failed = False

    def start(self, running: Running) -> None:
        """Begin; returns at once."""
        threading.Thread(target=self._run, args=(running,), name="demo", daemon=True).start()

    def _run(self, running: Running) -> None:
        self.failed = True
        try:
            show(running)
            self.failed = False
        except (ClientError, ScienceError, OSError) as error:
            err.print(escape(f"the demo failed: {error}"), style="red", soft_wrap=True)
        finally:
            if self.leave:
                os.kill(os.getpid(), signal.SIGTERM)  # the one way to stop, as by Ctrl-C
            else:
                announce(running)


def show(running: Running) -> None:
    """Upload, train, watch, download, verify, and print what came out."""
    out.print(f"[bold]demo[/] {TABLE.name}: hourly bike rentals, what is the {TARGET}?")
    with Client(running.url, running.api_key) as client:
        dataset = client.datasets.create("bikes", TABLE).wait()
        out.print(f"[green]✓[/] dataset {dataset.reference}: {dataset.n_rows or 0:,} rows")
        job = client.train(dataset, TARGET, register_as=MODEL).watch().wait()
        package = _download(running, job.model)
        show_outcome(job, package)


def _download(running: Running, model: Model) -> Path:
    """The model's package beside the service's data, checked on this machine."""
    package = model.download(running.home / "models" / f"{model.name}-{model.version}.mmpkg")
    report = runtime.verify(package)
    show_report(report)
    if not report.passed:
        raise ClientError(f"{package} does not pass its checks on this machine")
    return package
