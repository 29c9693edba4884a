"""The process that runs a stranger's network: ``python -m workers.media.extraction FOLDER FD``.

Libraries, images and the place for the features are opened first. From then on it can open nothing
more, neither a file nor a connection; memory, time and the size of files are limited too.
"""

import json
import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from workers.context import Pipe

LARGEST = 1e15
"""Of a feature: sums of squares of larger ones would leave float32."""
SAME = 1e-3
LOG_BYTES = 1 << 20
LOGS_ERRORS_ONLY = 3
NETWORK, FEATURES, ASKED = "network.onnx", "features.npy", "asked.json"

Features = NDArray[np.float32]
Extract = Callable[[NDArray[Any]], Features]


class Unusable(Exception):
    """What the network gives cannot be used."""


def main(folder: str, descriptor: str) -> int:
    """Fill the features; the exit status is 0 after the message ``done`` only."""
    root = Path(folder)
    asked = json.loads((root / ASKED).read_text())
    with os.fdopen(int(descriptor), "wb", buffering=0) as stream:
        pipe = Pipe(stream)
        try:
            _run(root, asked)
        except Exception as error:  # noqa: BLE001  (every end is told to whoever asked)
            words = str(error) if isinstance(error, Unusable) else f"cannot be run: {error!s:.300}"
            pipe.say("failed", {"message": words})
            return 1
        pipe.say("done", {})
    return 0


def _run(root: Path, asked: dict[str, Any]) -> None:
    network = (root / NETWORK).read_bytes()
    images = np.load(asked["images"], mmap_mode="r")
    features = np.load(root / FEATURES, mmap_mode="r+")
    options = ort.SessionOptions()
    options.log_severity_level = LOGS_ERRORS_ONLY
    _limit(asked)
    session = ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def extract(batch: NDArray[Any]) -> Features:
        found: Features = session.run(None, {name: np.ascontiguousarray(batch)})[0]
        if found.shape != (len(batch), features.shape[1]):
            raise Unusable(f"gave features of shape {found.shape} for {len(batch)} images")
        return found

    _fill(features, images, extract, asked["batch"])


def _fill(features: Features, images: NDArray[Any], extract: Extract, step: int) -> None:
    for start in range(0, len(images), step):
        found = extract(images[start : start + step])
        usable = (np.abs(found) < LARGEST).all(axis=1)  # NaN is not less
        if not usable.all():
            row = start + int(np.argmin(usable))
            raise Unusable(f"gave NaN or more than {LARGEST:g} for image {row} (from 0)")
        features[start : start + step] = found
    alone, together = extract(images[:1]), features[:1]
    if np.abs(alone - together).max() > SAME * np.abs(together).max():
        raise Unusable("gives an image other features alone than beside others, or by chance")


def _limit(asked: dict[str, Any]) -> None:
    """What is open stays open."""
    memory = int(asked["memory_bytes"])
    seconds = int(asked["seconds"]) * (os.cpu_count() or 1) + 1
    for kind, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, LOG_BYTES),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    status = main(sys.argv[1], sys.argv[2])
    os._exit(status)
