"""Runs a stranger's network in a process of its own, and says in words how it failed."""

import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.science.errors import UnusableExtractor
from workers import process
from workers.process import Child, Exit

MODULE = "workers.media.extraction"
NETWORK, FEATURES, ASKED = "network.onnx", "features.npy", "asked.json"
LIGHTER = "send a smaller or faster one, or fewer images"


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

    def run(self, images: Path, batch: int) -> NDArray[np.float32]:
        """(n, f) of the images (n, ...) in a ``.npy`` file, mapped from a file until the next run.

        Raises
        ------
        UnusableExtractor
            It crashed, gave numbers that are not finite, or needed more than it may.
        """
        n = len(np.load(images, mmap_mode="r"))
        path = self.folder / FEATURES
        path.unlink(missing_ok=True)  # an earlier run's may still be mapped
        features = np.lib.format.open_memmap(path, "w+", np.float32, (n, self._n_features))
        asked = {
            "images": str(images),
            "batch": batch,
            "memory_bytes": self._memory_bytes,
            "seconds": self._seconds,
        }
        (self.folder / ASKED).write_text(json.dumps(asked))
        failure = self._followed()
        if failure is not None:
            raise UnusableExtractor(failure, LIGHTER)
        return features

    def _followed(self) -> str | None:
        """What went wrong, if anything did."""
        deadline = time.monotonic() + self._seconds
        child, failure, done, late = Child(self.folder, MODULE), None, False, False
        try:
            for message in child.messages():
                if message is not None:
                    done = done or message.kind == "done"
                    failure = str(message.data.get("message")) if message.kind == "failed" else None
                late = late or time.monotonic() > deadline
                if late:
                    child.kill()
        finally:
            child.kill()
            end = child.close()
        if late:
            return f"was not done after {self._seconds:,.0f} s"
        return None if done else failure or self._of_exit(end)

    def _of_exit(self, end: Exit) -> str:
        words = process.log_excerpt(self.folder).strip().splitlines()[-1:]
        return f"ended its process with {end}{': ' + words[0][:200] if words else ''}"
