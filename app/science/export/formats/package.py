"""The whole package: network, preprocessing, ONNX, golden rows, evidence and card."""

from pathlib import Path

from app.science.export import self_test
from app.science.export.export_format import ExportFormat
from app.science.export.trained_model import TrainedModel


def write(model: TrainedModel, path: Path) -> None:
    """Write a package that passed its self-test, or raise ``SelfTestFailed``."""
    package, _ = self_test.proved_package(model)
    path.write_bytes(package)


PLUGIN: ExportFormat = ExportFormat(
    media_type="application/zip", suffix=".mmpkg", safe=True, write=write
)
