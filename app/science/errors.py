"""Errors of the numerical library. They know nothing of HTTP, jobs or users."""


class ScienceError(ValueError):
    """The data or the options do not allow this computation."""


class UnknownPlugin(ScienceError):
    """A name is not in its folder registry."""

    def __init__(self, *, package: str, name: str, known: tuple[str, ...]) -> None:
        self.name, self.known = name, known
        super().__init__(f"{package} has no {name!r}; it has {', '.join(known)}")


class TooFewRows(ScienceError):
    """Too few usable rows remain for the estimate to mean anything."""

    def __init__(self, *, needed: int, got: int) -> None:
        self.needed, self.got = needed, got
        super().__init__(f"needs at least {needed} usable rows, got {got}")


class DegenerateDistances(ScienceError):
    """Neighbor distances hold zeros, NaN or infinities; drop duplicate rows first."""


class NotCalibrated(ScienceError):
    """The model has no interval or set at the level asked for."""


class InvalidNetwork(ScienceError):
    """A network's graph and its tensors do not fit together."""


class UnusableTrees(ScienceError):
    """A booster has trees that are no plain splits of finite numbers, or none at all."""


class DegenerateTarget(ScienceError):
    """The target has one value only, or too few rows a class, so there is nothing to learn."""


class NoUsableColumns(ScienceError):
    """Every feature column is constant, empty or unusable."""


class UnusableOverride(ScienceError):
    """A user's choice names nothing that can be chosen, or has no usable value."""

    def __init__(self, *, name: str, value: object, known: tuple[str, ...]) -> None:
        self.name, self.value, self.known = name, value, known
        super().__init__(
            f"cannot set {name!r} to {value!r}; what can be set is {', '.join(known)}: sizes and"
            " smoothness above 0, gates 0 or 1, pooling by name"
        )


class UnusableExtractor(ScienceError):
    """The feature extractor that a dataset brings cannot be used, or fails; both say the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        self.problem, self.remedy = problem, remedy
        super().__init__(f"extractor.onnx {problem}; {remedy}")


class UnreachableLimit(ScienceError):
    """A limit on the network's size or speed lies below what a linear model needs."""

    def __init__(self, *, name: str, asked: float, smallest: float) -> None:
        self.name, self.asked, self.smallest = name, asked, smallest
        super().__init__(
            f"{name} = {asked:g} cannot be met: a linear model, the smallest network there is,"
            f" needs {smallest:g}; ask for at least that much"
        )


class BeyondForecast(ScienceError):
    """A forecast is asked for far more rows than the learning curve was measured on."""

    def __init__(self, *, rows: int, most: int) -> None:
        self.rows, self.most = rows, most
        super().__init__(
            f"no forecast for {rows:,} rows: the curve was measured up to a tenth of {most:,};"
            f" ask for at most {most:,}"
        )
