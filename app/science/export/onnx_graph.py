"""A trained model as one ONNX file, preprocessing included.

Inputs: one a column, (N, 1), see ``onnx_encoding``. Outputs: ``prediction`` (N,) in double for
a regression; ``label`` (N,) and ``probabilities`` (N, c) for classes. N is free.
"""

import json

import onnx

from app.science.encoding.encoding import Encoding
from app.science.export.onnx_answer import RESERVED, add_answer
from app.science.export.onnx_builder import ML_OPSET, OPSET, GraphBuilder
from app.science.export.onnx_encoding import add_encoding, input_names
from app.science.export.onnx_network import add_network
from app.science.relu_network.network import Network


def build(network: Network, encoding: Encoding) -> bytes:
    """Serialize, checked by onnx; equal models give equal bytes.

    Parameters
    ----------
    network : with tensors in the types to compute in

    Raises
    ------
    ScienceError
        The file would pass the 2 GiB of one protobuf message.
    """
    graph = GraphBuilder()
    names = input_names(encoding, RESERVED)
    x, inputs = add_encoding(graph, encoding, names)
    y = add_network(graph, network, x)
    outputs = add_answer(graph, y, network.task, network.classes, network.class_weights)
    properties = {
        "inputs": json.dumps(names),
        "task": network.task,
        "opset": f"ai.onnx {OPSET}, ai.onnx.ml {ML_OPSET}",
    }
    model = graph.model(inputs, outputs, properties)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
