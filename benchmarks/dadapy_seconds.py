"""DADApy's seconds, measured in an environment of its own: it pins numpy below 2.

``OMP_NUM_THREADS=1 python -m benchmarks.dadapy_seconds > dadapy.json``, then
``python -m benchmarks.dimension --dadapy dadapy.json``.
"""

import json
import statistics
import sys
import time

from dadapy import Data

from benchmarks.cloud import SHAPE, cloud

REPEATS = 3


def main() -> None:
    """Median CPU seconds of the GRIDE scaling over all rows."""
    points = cloud(SHAPE).astype("float64")
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        Data(points, n_jobs=1).return_id_scaling_gride(range_max=64)
        seconds.append(time.process_time() - began)
    sys.stdout.write(json.dumps({"gride_cpu_seconds": statistics.median(seconds)}) + "\n")


if __name__ == "__main__":
    main()
