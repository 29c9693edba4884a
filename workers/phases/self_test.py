"""Phase ``self_test``: use the written package as a team will, and compare with the report."""

from typing import Any

from app.science.evaluation.metrics import headline
from app.science.export import runtime
from workers import proof
from workers.context import Context
from workers.phase import Phase
from workers.tabular import encoded, features


def run(context: Context) -> dict[str, Any]:
    """Verify hashes and golden rows, then predict all test rows from raw cells with numpy."""
    path = context.root / "phases" / "package" / "public" / "model.mmpkg"
    verified = runtime.verify(path)
    if not verified.passed:
        raise proof.PackageDisagrees(f"the package does not verify: {verified}")
    package = context.headline("package")
    differences = {key: package[key] for key in ("onnx_difference", "numpy_difference")}
    return proof.settle(context, _error_of_package(context, path.read_bytes()), differences)


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
