"""A stranger's network in a process of its own: what it gives, and how it may fail."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from app.science.errors import UnusableExtractor
from app.science.images import extractor
from app.science.images.extractor_graph import features_file
from tests.unit.science.images.extractors import convolution, huge, then
from workers.media.sandbox import Sandbox

SHAPE = (12, 10, 3)
IMAGES = np.random.default_rng(1).integers(0, 256, (150, *SHAPE), dtype=np.uint8)


def sandbox(
    model: onnx.ModelProto, folder: Path, *, memory_bytes: int = 1 << 30, seconds: float = 60.0
) -> Sandbox:
    read = extractor.read(model.SerializeToString())
    network = features_file(read, SHAPE)
    np.save(folder / "images.npy", IMAGES)
    return Sandbox(
        network, read.n_features, folder / "own", memory_bytes=memory_bytes, seconds=seconds
    )


def test_features_come_out_of_batches(tmp_path: Path) -> None:
    made = sandbox(convolution(), tmp_path)
    found = made.run(tmp_path / "images.npy")

    session = ort.InferenceSession((made.folder / "network.onnx").read_bytes())
    wanted = session.run(None, {"image": IMAGES})[0]
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("model", "limits", "word"),
    [
        (then("Log"), {}, "gave NaN or more than 1e+15 for image 7"),
        (then("Sub", "am", {"m": np.zeros((2, 3), np.float32)}), {}, "cannot be run"),
        (then("Softmax", axis=0), {}, "other features alone than beside others"),
        (huge(), {}, "allocate"),
        (convolution(), {"seconds": 0.0}, "was not done after 0 s"),
        (convolution(), {"memory_bytes": 1 << 20}, "extractor.onnx "),
    ],
)
def test_each_failure_is_one_error_of_this_process(
    model: onnx.ModelProto, limits: dict[str, Any], word: str, tmp_path: Path
) -> None:
    made = sandbox(model, tmp_path, **limits)
    images = IMAGES.copy()
    images[7] = 0
    np.save(tmp_path / "images.npy", images)

    with pytest.raises(UnusableExtractor) as failed:
        made.run(tmp_path / "images.npy")
    assert word in str(failed.value)
    assert failed.value.remedy


@pytest.mark.parametrize("attempt", ["open('/dev/null')", "__import__('socket').socket()"])
def test_nothing_can_be_opened_once_it_runs(attempt: str) -> None:
    asked = {"memory_bytes": 1 << 30, "seconds": 60}
    limit = f"import socket; from workers.media import extraction; extraction._limit({asked})"
    ended = subprocess.run(
        [sys.executable, "-c", f"{limit}; {attempt}"], capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1
    assert "Too many open files" in ended.stderr
