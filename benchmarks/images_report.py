"""What the runs on one image set say: accuracies, times, and each bar with PASS or MISS."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from app.science.plots.plot import Plot
from app.science.plots.race import TimedErrors, error_against_time

Document = dict[str, Any]

LEAST_ACCURACY = {"MNIST": 0.993, "CIFAR-10": 0.78}
TIMES_SLOWER = {"MNIST": 3.0, "CIFAR-10": 1.5}
TIMES_SLOWER_SMALL = 3.0
MOST_SECONDS = {"CIFAR-10": 1_200.0}
MOST_BYTES, MOST_DIFFERENCE = 6 * 10**9, 1e-5
SMALLEST = ("CIFAR-10, 50 a class", "CIFAR-10, 100 a class")


@dataclass(frozen=True)
class Bar:
    """One claim; passed is None where the run is too small to judge it."""

    name: str
    text: str
    passed: bool | None

    def line(self) -> str:
        """``PASS name: text``."""
        verdict = {True: "PASS", False: "MISS", None: "----"}[self.passed]
        return f"{verdict} {self.name}: {self.text}"


@dataclass(frozen=True)
class SetReport:
    """Ours and every run of the CNN on one image set."""

    name: str
    ours: Document
    cnn: Sequence[Document]

    @property
    def points(self) -> list[tuple[float, float]]:
        """Seconds and test accuracy of every run on its way: favors the CNN, which tries often."""
        return sorted((seconds, value) for run in self.cnn for seconds, value in run["curve"])

    @property
    def converged(self) -> Document:
        """The CNN run of best validation accuracy."""
        return max(self.cnn, key=lambda run: float(run["validation"]))

    @property
    def seconds_to_ours(self) -> float | None:
        """The earliest that any CNN run had our test accuracy; None: never."""
        reached = (s for s, value in self.points if value >= self.ours["accuracy"])
        return next(reached, None)

    @property
    def at_equal_time(self) -> float:
        """The best test accuracy of any CNN run within our seconds."""
        return max((v for s, v in self.points if s <= self.ours["seconds"]), default=0.0)

    def bars(self) -> Iterator[Bar]:
        """Every claim about this set."""
        ours, whole = self.ours, self.name in LEAST_ACCURACY
        small = "a class" in self.name
        if whole:
            least = LEAST_ACCURACY[self.name]
            text = f"{ours['accuracy']:.2%} (>= {least:.1%})"
            yield Bar(self.name, text, ours["accuracy"] >= least)
        if self.name in MOST_SECONDS:
            most = MOST_SECONDS[self.name]
            text = f"{ours['seconds']:.0f} s (<= {most:.0f} s)"
            yield Bar(self.name, text, ours["seconds"] <= most)
        yield self._slower(judged=whole or small)
        if small:
            text = f"{ours['accuracy']:.2%}, CNN {self.at_equal_time:.2%} at equal time"
            yield Bar(self.name, text, ours["accuracy"] > self.at_equal_time)
        if self.name in SMALLEST:
            text = f"{ours['accuracy']:.2%}, CNN {self.converged['test']:.2%} converged"
            yield Bar(self.name, text, ours["accuracy"] > self.converged["test"])
        yield Bar(
            self.name, f"peak {ours['peak_bytes'] / 1e9:.2f} GB", ours["peak_bytes"] <= MOST_BYTES
        )
        difference = ours["onnx_difference"]
        yield Bar(self.name, f"ONNX difference {difference:.1e}", difference <= MOST_DIFFERENCE)

    def _slower(self, *, judged: bool) -> Bar:
        wanted = TIMES_SLOWER.get(self.name, TIMES_SLOWER_SMALL)
        reached = self.seconds_to_ours
        if reached is None:
            longest = self.points[-1][0]
            text = f"CNN never reaches ours, tried up to {longest:.0f} s"
            return Bar(self.name, text, True if judged else None)
        ratio = reached / self.ours["seconds"]
        text = f"CNN needs {ratio:.2f}x our time to reach ours (>= {wanted}x)"
        return Bar(self.name, text, ratio >= wanted if judged else None)

    def plot(self) -> Plot:
        """Error over seconds, ours as a point and every run of the CNN as a curve."""
        ours = ((self.ours["seconds"], 1.0 - self.ours["accuracy"]),)
        curves = [
            TimedErrors(
                _in_words(run["setting"]),
                "baseline",
                tuple((seconds, 1.0 - value) for seconds, value in run["curve"]),
            )
            for run in self.cnn
        ]
        return error_against_time(
            [TimedErrors("ours", "ours", ours), *curves],
            metric="error_rate",
            rows=f"test images of {self.name}",
        )

    @property
    def file_name(self) -> str:
        """Of its picture."""
        return f"{re.sub('[^a-z0-9]+', '_', self.name.lower())}.svg"

    def document(self) -> Document:
        """Plain JSON."""
        return {
            "name": self.name,
            "ours": self.ours,
            "cnn": list(self.cnn),
            "cnn_seconds_to_ours": self.seconds_to_ours,
            "cnn_at_equal_time": self.at_equal_time,
            "cnn_converged": self.converged["test"],
            "bars": [bar.line() for bar in self.bars()],
        }

    def text(self) -> str:
        """A few lines for a person."""
        ours, best = self.ours, self.converged
        head = (
            f"{self.name}: ours {ours['accuracy']:.2%} in {ours['seconds']:.1f} s"
            f" ({ours['n_features']:,} features, {ours['head']});"
            f" CNN {best['test']:.2%} in {best['seconds']:.1f} s"
        )
        return "\n".join([head, *(f"  {bar.line()}" for bar in self.bars())])


def _in_words(setting: Document) -> str:
    kind = "residual CNN" if setting["residual"] else "CNN"
    return f"{kind} {setting['width']}"
