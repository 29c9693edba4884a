"""The process that runs a stranger's network: ``python -m workers.media.extraction FOLDER FD``.

Libraries, images and the place for the features are opened first. From then on it can open nothing
more, neither a file nor a connection; memory, time and the size of files are limited too.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from workers.context import Pipe

LARGEST = 1e15
"""Of a feature: squares of larger ones, added up, leave float32."""
LOG_BYTES = 1 << 20
LOGS_ERRORS_ONLY = 3
NETWORK, FEATURES, ASKED = "network.onnx", "features.npy", "asked.json"


def main(folder: str, descriptor: str) -> int:
    """Fill the features; the exit status is 0 after the message ``done`` only."""
    root = Path(folder)
    asked = json.loads((root / ASKED).read_text())
    with os.fdopen(int(descriptor), "wb", buffering=0) as stream:
        pipe = Pipe(stream)
        try:
            _run(root, asked)
        except Exception as error:  # noqa: BLE001  (every end is told to whoever asked)
            pipe.say("failed", {"message": f"cannot be run: {str(error).strip()[:300]}"})
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
    name, step = session.get_inputs()[0].name, asked["batch"]
    for start in range(0, len(images), step):
        batch = np.ascontiguousarray(images[start : start + step])
        found = session.run(None, {name: batch})[0]
        if found.shape != features[start : start + step].shape:
            raise ValueError(f"{len(batch)} images gave features of shape {found.shape}")
        usable = (np.abs(found) < LARGEST).all(axis=1)  # NaN is not less
        if not usable.all():
            row = start + int(np.argmin(usable))
            raise ValueError(f"image {row} (from 0) gave NaN, or more than {LARGEST:g}")
        features[start : start + step] = found


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
