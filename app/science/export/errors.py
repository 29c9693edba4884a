"""Errors of writing, reading and proving a model package."""

from app.science.errors import ScienceError


class PackageError(ScienceError):
    """The file is no intact package that this reader knows; ``part`` names the guilty part."""

    def __init__(self, part: str, problem: str) -> None:
        self.part, self.problem = part, problem
        super().__init__(f"{part}: {problem}")


class InvalidRows(ScienceError):
    """The rows to predict do not fit the model's columns."""


class SelfTestFailed(ScienceError):
    """The exported model does not compute what the trained network computes."""

    def __init__(self, *, differences: dict[str, float], tolerance: float, n_rows: int) -> None:
        self.differences, self.tolerance, self.n_rows = differences, tolerance, n_rows
        measured = ", ".join(f"{name} {value:.3g}" for name, value in differences.items())
        super().__init__(
            f"relative difference from the network on {n_rows} rows: {measured}; "
            f"allowed is {tolerance:.3g}"
        )
