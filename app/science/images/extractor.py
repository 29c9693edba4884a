"""A feature extractor that a user brings as an ONNX file: read and judged, never run here.

It turns a batch of images into features: one input (N, c, h, w) or (N, h, w, c), and a first output
(N, f), or (N, f, h, w) whose average over h and w is taken. Everything that could make it more than
arithmetic of its input is refused: files beside it, operators from elsewhere, inner graphs, chance.

Source: none; the format is ONNX (https://onnx.ai/onnx/repo-docs/IR.html).
"""

import difflib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import AttributeProto, TensorProto, shape_inference, version_converter

from app.science.errors import UnusableExtractor
from app.science.export.media_writer import parameters_of
from app.science.export.onnx_builder import OPSET

MAX_BYTES = 256 << 20
MAX_FEATURES = 16_384
MAX_SIDE = 1_024
"""That a file may ask for; images are enlarged to it."""
MAX_OPSET = onnx.defs.onnx_opset_version()
LEAST_STD = 1e-6
MAX_PREPARATION_BYTES = 4096
DOMAINS = ("", "ai.onnx")
RANDOM = (
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
)  # fmt: skip
LAYERS = ("Conv", "Gemm", "MatMul")
FIELDS = ("mean", "std")
EXPORT_AGAIN = "export it again for evaluation, with a free batch axis"


@dataclass(frozen=True)
class Extractor:
    """One that may be run.

    model : of opset 17 or later; size : (height, width) that it asks for, None where any will do;
    channels_first : (N, c, h, w); takes_bytes : uint8 as they are, else float32 from 0 to 1, less
    ``mean`` and over ``std``, each of one number or of one a channel; makes_maps : its output is
    (N, f, h, w)
    """

    model: onnx.ModelProto
    sha256: str
    channels: int
    size: tuple[int | None, int | None]
    channels_first: bool
    takes_bytes: bool
    n_features: int
    makes_maps: bool
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @property
    def input_name(self) -> str:
        """Of the images."""
        return str(_inputs(self.model)[0].name)

    @property
    def opset(self) -> int:
        """Of the standard operators."""
        return _opset(self.model)

    @property
    def n_parameters(self) -> int:
        """Fractional numbers that it stores."""
        return parameters_of(self.model)

    @property
    def depth(self) -> int:
        """Layers with weights, counted one after another."""
        return sum(node.op_type in LAYERS for node in self.model.graph.node)


def read(data: bytes, preparation: bytes | None = None) -> Extractor:
    """Check an untrusted file.

    Parameters
    ----------
    preparation : ``extractor.json``, the mean and std of pixels from 0 to 1

    Raises
    ------
    UnusableExtractor
        With the first thing that is wrong, and what to do.
    """
    if len(data) > MAX_BYTES:
        raise UnusableExtractor(f"has {len(data)} bytes", f"send at most {MAX_BYTES}")
    model = _parsed(data)
    _check_nodes(model)
    _check_tensors(model)
    shape, kind = _input(model)
    model = _inferred(model)
    channels_first = shape[1] in (1, 3)
    channels = shape[1] if channels_first else shape[3]
    if channels not in (1, 3):
        raise UnusableExtractor(
            f"reads images of shape {_told(shape)}", "give it 1 or 3 channels, first or last"
        )
    size = (shape[2], shape[3]) if channels_first else (shape[1], shape[2])
    if not all(side is None or 1 <= side <= MAX_SIDE for side in size):
        raise UnusableExtractor(
            f"reads images of shape {_told(shape)}", f"let it read 1 to {MAX_SIDE} pixels a side"
        )
    n_features, makes_maps = _output(model)
    takes_bytes = kind == TensorProto.UINT8
    mean, std = _prepared(preparation, channels, takes_bytes=takes_bytes)
    return Extractor(
        model=model,
        sha256=hashlib.sha256(data).hexdigest(),
        channels=channels,
        size=size,
        channels_first=channels_first,
        takes_bytes=takes_bytes,
        n_features=n_features,
        makes_maps=makes_maps,
        mean=mean,
        std=std,
    )


def _parsed(data: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # noqa: BLE001  (protobuf's errors have no family)
        raise UnusableExtractor(f"cannot be read: {error!s:.100}", "send an ONNX file") from None
    if not model.graph.node or not model.graph.output:
        raise UnusableExtractor("has no nodes or no output", "send an ONNX file of a network")
    return model


def _check_nodes(model: onnx.ModelProto) -> None:
    if model.functions or model.training_info or model.graph.sparse_initializer:
        raise UnusableExtractor(
            "has functions, sparse weights or training steps of its own", EXPORT_AGAIN
        )
    for node in model.graph.node:
        name = f"{node.domain}.{node.op_type}".removeprefix(".")
        if node.domain not in DOMAINS:
            raise UnusableExtractor(
                f"has the operator {name:.100}", "use standard operators (ai.onnx) only"
            )
        graphs = (AttributeProto.GRAPH, AttributeProto.GRAPHS)
        if any(attribute.type in graphs for attribute in node.attribute):
            raise UnusableExtractor(
                f"has a graph inside {name:.100}", "export it without If, Loop and Scan"
            )
        if node.op_type in RANDOM:
            raise UnusableExtractor(f"draws random numbers ({name:.100})", EXPORT_AGAIN)


def _check_tensors(model: onnx.ModelProto) -> None:
    for tensor in _tensors(model.graph):
        if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
            raise UnusableExtractor(
                f"keeps {tensor.name:.100} in another file",
                "save it as one file (save_as_external_data=False)",
            )


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors
            yield attribute.sparse_tensor.values
            yield attribute.sparse_tensor.indices


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same with shapes, of an opset that our own nodes know."""
    if _opset(model) > MAX_OPSET:
        raise UnusableExtractor(
            f"is of opset {_opset(model)}", f"export it for an opset from {OPSET} to {MAX_OPSET}"
        )
    try:
        onnx.checker.check_model(model)
        if _opset(model) < OPSET:
            model = version_converter.convert_version(model, OPSET)
        return shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except Exception as error:  # noqa: BLE001  (onnx raises errors of several families)
        reason = " ".join(str(error).split())
        raise UnusableExtractor(
            f"is no valid graph: {reason:.200}", f"export it again, for opset {OPSET}"
        ) from None


def _opset(model: onnx.ModelProto) -> int:
    return max((each.version for each in model.opset_import if each.domain in DOMAINS), default=0)


def _inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Old files list their weights among the inputs."""
    weights = {each.name for each in model.graph.initializer}
    return [each for each in model.graph.input if each.name not in weights]


def _input(model: onnx.ModelProto) -> tuple[list[int | None], int]:
    found = _inputs(model)
    if len(found) != 1:
        raise UnusableExtractor(f"has {len(found)} inputs", "give it one, the images")
    kind = found[0].type.tensor_type.elem_type
    shape = _shape(found[0])
    if len(shape) != 4 or kind not in (TensorProto.FLOAT, TensorProto.UINT8):
        raise UnusableExtractor(
            f"reads {TensorProto.DataType.Name(kind)} of shape {_told(shape)}",
            "give it float32 or uint8 images (N, c, h, w) or (N, h, w, c)",
        )
    if shape[0] is not None:
        raise UnusableExtractor(f"reads {shape[0]} images at once", EXPORT_AGAIN)
    return shape, kind


def _output(model: onnx.ModelProto) -> tuple[int, bool]:
    """Features an image, and whether they are maps."""
    first = model.graph.output[0]
    shape = _shape(first)
    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)
    n_features = shape[1] if len(shape) in (2, 4) else None
    if n_features is None or first.type.tensor_type.elem_type not in kinds:
        raise UnusableExtractor(
            f"gives {first.name:.100} of shape {_told(shape)}",
            "let its first output be (N, f) or (N, f, h, w) of floats, with a fixed f",
        )
    if not 1 <= n_features <= MAX_FEATURES:
        raise UnusableExtractor(f"gives {n_features} features", f"give at most {MAX_FEATURES}")
    return n_features, len(shape) == 4


def _shape(value: onnx.ValueInfoProto) -> list[int | None]:
    dims = value.type.tensor_type.shape.dim
    return [each.dim_value if each.HasField("dim_value") else None for each in dims]


def _told(shape: list[int | None]) -> str:
    return f"({', '.join('?' if each is None else str(each) for each in shape)})"


def _prepared(
    document: bytes | None, channels: int, *, takes_bytes: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and std from ``extractor.json``."""
    if document is None:
        return (0.0,), (1.0,)
    if takes_bytes:
        raise UnusableExtractor("reads bytes as they are", "leave extractor.json out")
    try:
        found = json.loads(document[: MAX_PREPARATION_BYTES + 1])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UnusableExtractor("has a broken extractor.json", "send one JSON object")
    for name in found:
        if name not in FIELDS:
            near = (difflib.get_close_matches(name, FIELDS, 1, 0.0) or FIELDS)[0]
            raise UnusableExtractor(
                f"has {name!r:.60} in its extractor.json", f"did you mean {near!r}?"
            )
    mean = _numbers("mean", found.get("mean", [0.0]), channels)
    std = _numbers("std", found.get("std", [1.0]), channels)
    if min(std) < LEAST_STD:
        raise UnusableExtractor(
            f"has a std of {min(std):.3g} in its extractor.json", f"give at least {LEAST_STD:g}"
        )
    return mean, std


def _numbers(name: str, value: Any, channels: int) -> tuple[float, ...]:  # noqa: ANN401  (JSON)
    is_list = isinstance(value, list) and len(value) in (1, channels)
    if not is_list or not all(type(v) in (int, float) and abs(v) < 1e6 for v in value):
        raise UnusableExtractor(
            f"has a {name} in its extractor.json that does not fit",
            f"give a list of 1 or {channels} numbers",
        )
    return tuple(float(v) for v in value)
