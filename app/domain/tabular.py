"""Parts that the bodies of several job kinds share: target, split, architecture, baselines."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, StrictBool, model_validator

from app.domain.kind import ColumnName, JobSpec, Part

Weight = Annotated[float, Field(gt=0.0, le=1e6)]
CorrectionName = Literal["level_set", "logit_calibration", "boosted_trees"]


class Target(Part):
    """The column to learn. ``auto`` reads the task off the column's values.

    ``class_weights``: what a wrong answer costs by its true class, for classes of unequal worth or
    number. ``balanced`` makes all classes count alike; a mapping gives some classes' costs, 1 for
    the others. They move the decision between the classes and what models are compared by; the
    probabilities stay calibrated.
    """

    column: ColumnName
    task: Literal["auto", "regression", "binary", "multiclass"] = "auto"
    class_weights: Literal["balanced"] | dict[str, Weight] | None = None


class Features(Part):
    """Which columns the network may read; all but the target where nothing is said.

    ``shape``: numbers as they are up to a robust scale, or bent to normal scores: all of them
    (``quantile``) or those far from a normal distribution (``auto``).
    """

    include: tuple[ColumnName, ...] = ()
    exclude: tuple[ColumnName, ...] = ()
    shape: Literal["robust", "quantile", "auto"] = "robust"


def _or_its_column(schema: dict[str, Any]) -> None:
    """The name of the column may stand for the object."""
    schema["anyOf"] = [
        {"$ref": schema.pop("$ref")},
        {"type": "string", "minLength": 1, "maxLength": 200},
    ]


def _no_boolean(value: object) -> object:
    """Python takes false for 0; the contract does not."""
    if isinstance(value, bool):
        raise ValueError("write 0 or 1")  # noqa: TRY004  (pydantic's way)
    return value


class Split(Part):
    """Shares of the rows held out, or a column that holds 0 (train) and 1 (test)."""

    test: float = Field(strict=True, default=0.2, gt=0.0, le=0.5)
    validation: float = Field(strict=True, default=0.15, gt=0.0, le=0.5)
    column: ColumnName | None = None


class Architecture(Part):
    """Overrides of the architecture rule and limits on its outcome; null lets the rule decide.

    ``motifs``: ``radial`` are the teacher's own units and carry its weights; others are drawn and
    get a head of their own. ``gates``: whether a level set is tried. ``pooling``: ``none`` leaves
    an invariance of the target unused. ``max_latency_ms``: one row in ONNX Runtime on one thread of
    the machine that trains.
    """

    n_motifs: int | None = Field(strict=True, default=None, ge=8, le=20_000)
    smoothness: float | None = Field(strict=True, default=None, ge=0.5, le=2.0)
    gates: Annotated[Literal[0, 1] | None, BeforeValidator(_no_boolean)] = None
    pooling: Literal["none"] | None = None
    max_parameters: int | None = Field(strict=True, default=None, ge=100, le=50_000_000)
    motifs: Literal["radial", "swim", "pwl_wave", "local_experts"] = "radial"
    max_latency_ms: float | None = Field(strict=True, default=None, gt=0.0, le=10_000.0)


class Baselines(Part):
    """What is trained beside our network, on the same split; ridge always is.

    ``sgd``: an Adam MLP (on images a CNN, on point sets DeepSets or PointNet), tuned, and once more
    with as many seconds as ours took. ``trees``: LightGBM, on tables. ``max_wall_seconds`` holds
    for each of them.
    """

    sgd: StrictBool = True
    trees: StrictBool = True
    max_wall_seconds: int = Field(strict=True, default=300, ge=1, le=3600)


class TabularSpec(JobSpec):
    """Base of the bodies that read a table with a target."""

    target: Target = Field(json_schema_extra=_or_its_column)
    features: Features = Features()
    split: Split = Split()
    architecture: Architecture = Architecture()

    @model_validator(mode="before")
    @classmethod
    def _short_target(cls, body: object) -> object:
        """``"target": "y"`` is short for ``{"column": "y"}``."""
        if isinstance(body, dict) and isinstance(body.get("target"), str):
            return {**body, "target": {"column": body["target"]}}
        return body

    def column_names(self) -> dict[str, str]:
        """JSON pointer to column name, for every column that the body names."""
        named = {"/target/column": self.target.column}
        if self.split.column:
            named["/split/column"] = self.split.column
        for key in ("include", "exclude"):
            for index, column in enumerate(getattr(self.features, key)):
                named[f"/features/{key}/{index}"] = column
        return named


class TrainingSpec(TabularSpec):
    """Base of the bodies that train a network. Everything but dataset and target has a default.

    ``corrections`` : tried in this order, each kept where it wins on held-out rows;
    ``fine_tune`` : a few guarded epochs of gradient descent at the end, at the price of the bound
    """

    baselines: Baselines = Baselines()
    fine_tune: StrictBool = False
    corrections: tuple[CorrectionName, ...] = get_args(CorrectionName)
