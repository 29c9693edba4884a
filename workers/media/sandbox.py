"""Runs a stranger's network in a process of its own, and says in words how it failed."""

import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.science.errors import UnusableExtractor
from app.science.export.media_runtime import batch_size
from workers import process
from workers.media.extraction import ASKED, FEATURES, NETWORK
from workers.process import Child

MODULE = "workers.media.extraction"
REMEDY = "try it with ONNX Runtime on these images, or send one that needs less"


class Sandbox:
    """A network from images to features, and what its process may use.

    It gets no credentials, opens nothing once it runs, and ends with this process; see
    ``extraction`` for its limits. Images and features are files, of which it holds a batch.
    """

    def __init__(
        self, network: bytes, n_features: int, folder: Path, *, memory_bytes: int, seconds: float
    ) -> None:
        folder.mkdir(exist_ok=True)
        (folder / NETWORK).write_bytes(network)
        self.folder = folder
        self._n_features = n_features
        self._memory_bytes, self._seconds = memory_bytes, seconds

    def run(self, path: Path) -> NDArray[np.float32]:
        """Features (n, f) of the images (n, ...) in a ``.npy`` file; mapped from a file of theirs.

        Raises
        ------
        UnusableExtractor
            It crashed, gave numbers that are not finite, or needed more than it may.
        """
        images = np.load(path, mmap_mode="r")
        to = self.folder / FEATURES
        to.unlink(missing_ok=True)  # an earlier run's may still be mapped
        shape = (len(images), self._n_features)
        features = np.lib.format.open_memmap(to, "w+", np.float32, shape)
        asked = {
            "images": str(path),
            "batch": max(2, batch_size(images)),  # one alone would not show a batch that is fixed
            "memory_bytes": self._memory_bytes,
            "seconds": self._seconds,
        }
        (self.folder / ASKED).write_text(json.dumps(asked))
        failure = self._followed()
        if failure is not None:
            raise UnusableExtractor(failure, REMEDY)
        return features

    def _followed(self) -> str | None:
        """What went wrong, if anything did."""
        deadline = time.monotonic() + self._seconds
        child, said, late = Child(self.folder, MODULE), {}, False
        try:
            for message in child.messages():
                if message is not None:
                    said[message.kind] = message.data
                if time.monotonic() > deadline:
                    late = True
                    child.kill()
        except BaseException:
            child.kill()
            raise
        finally:
            end = child.close()
        if late:
            return f"was not done after {self._seconds:,.0f} s"
        if "done" in said:
            return None
        if "failed" in said:
            return str(said["failed"].get("message"))
        words = process.log_excerpt(self.folder).strip().splitlines()[-1:]
        return f"ended its process with {end}{': ' + words[0][:200] if words else ''}"
