"""One ONNX file, preprocessing included; see ``onnx_graph`` for inputs and outputs."""

from pathlib import Path

from app.science.export import archive, self_test
from app.science.export.export_format import ExportFormat
from app.science.export.trained_model import TrainedModel


def write(model: TrainedModel, path: Path) -> None:
    """Write the ONNX file of a package that passed its self-test, or raise ``SelfTestFailed``."""
    package, _ = self_test.proved_package(model)
    path.write_bytes(archive.read(package)["model.onnx"])


PLUGIN: ExportFormat = ExportFormat(
    media_type="application/onnx", suffix=".onnx", safe=True, write=write
)
