"""Phase ``self_test``: use the written package as a team will, and compare with the report."""

from typing import Any

from app.science.evaluation.metrics import headline
from app.science.export import media_runtime
from workers import proof
from workers.context import Context
from workers.media.modality import inputs_of, targets_of
from workers.phase import Phase


def run(context: Context) -> dict[str, Any]:
    """Verify hashes and golden inputs, then predict all test rows with the package."""
    path = context.root / "phases" / "package" / "public" / "model.mmpkg"
    verified = media_runtime.verify(path)
    if not verified.passed:
        raise proof.PackageDisagrees(f"the package does not verify: {verified}")
    model = media_runtime.load(path)
    prediction = model.session.outputs(inputs_of(context, "test"), context.progress)
    again = headline(model.task, targets_of(context, "test"), prediction)
    found = context.headline("package")["differences"]
    return proof.settle(context, again, {f"{name}_difference": d for name, d in found.items()})


PLUGIN: Phase = run
