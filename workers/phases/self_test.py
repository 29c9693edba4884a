"""Phase ``self_test``: use the written package as a team will, and compare with the report."""

from typing import Any

from app.science.errors import ScienceError
from app.science.evaluation.metrics import headline
from app.science.export import runtime
from workers.context import Context
from workers.phase import Phase
from workers.tabular import encoded, features

TOLERANCE = 1e-3


class PackageDisagrees(ScienceError):
    """The package's test error is not the one that the job is about to report."""


def run(context: Context) -> dict[str, Any]:
    """Verify hashes and golden rows, then predict all test rows from raw cells with numpy."""
    path = context.root / "phases" / "package" / "public" / "model.mmpkg"
    verified = runtime.verify(path)
    if not verified.passed:
        raise PackageDisagrees(f"the package does not verify: {verified}")
    result = context.read_json("report", "result.json")
    reported, again = result["test"]["network"], _error_of_package(context, path.read_bytes())
    if abs(again - reported) > TOLERANCE * max(abs(reported), 1e-12):
        raise PackageDisagrees(
            f"the package's test {result['metric']} is {again:.6g}, the report says {reported:.6g}"
        )
    package = context.headline("package")
    result |= {
        "package_bytes": package["package_bytes"],
        "self_test": {
            "onnx_difference": package["onnx_difference"],
            "numpy_difference": package["numpy_difference"],
            "tolerance": package["tolerance"],
            "test_error_of_package": again,
        },
    }
    context.write_json("result.json", result)
    return {"passed": True, "test_error_of_package": again, "reported": reported}


def _error_of_package(context: Context, package: bytes) -> float:
    model = runtime.load(package)
    columns, _ = features(context, context.read_arrays("split", "rows.safetensors")["test"])
    data = encoded(context)
    known = dict(columns)
    if data.task == "regression":
        return headline(data.task, data.test_y, model.predict(known))
    weights = model.network.class_weights
    return headline(data.task, data.test_y, model.predict_proba(known), weights)


PLUGIN: Phase = run
