"""Weights for other loaders: a safetensors file with the graph and the encoding as metadata."""

from pathlib import Path

from app.science.export import documents, network_numpy, self_test, tensor_file, trained_model
from app.science.export.export_format import ExportFormat
from app.science.export.trained_model import TrainedModel


def write(model: TrainedModel, path: Path) -> None:
    """Write weights and lookup tables, with both JSON documents as metadata.

    The precision is the one a package of this model needs to pass its self-test.
    """
    _, result = self_test.proved_package(model)
    network = network_numpy.stored(model.network, result.precision)
    encoding = trained_model.finite(model.encoding)
    metadata = {
        "architecture.json": documents.write(network.to_json()).decode(),
        "preprocess.json": documents.write(encoding.to_json()).decode(),
        "target": model.target_name,
    }
    path.write_bytes(tensor_file.write({**network.tensors, **encoding.tensors()}, metadata))


PLUGIN: ExportFormat = ExportFormat(
    media_type="application/octet-stream", suffix=".safetensors", safe=True, write=write
)
