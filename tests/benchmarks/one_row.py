"""Time of one prediction for one row from Python, on one core: `python tests/benchmarks/one_row.py`.

A table of 10 numbers and 4 categories, an MLP of two layers of 64. Prints median and 95th percentile of the processor time of 500
calls. Nothing passes or fails here: times depend on the machine.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = os.environ["POLARS_MAX_THREADS"] = "1"

import numpy as np

import nntrain

CONFIG: dict[str, Any] = {
    "data": {"target": "y"},
    "architecture": {"type": "mlp", "hidden": [64, 64]},
    "training": {"max_epochs": 1},
}
CALLS = 500


def main() -> None:
    """Train on made-up rows, then predict for one at a time."""
    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = [
        {**{f"n{i}": float(random.normal()) for i in range(10)}, **{f"c{i}": "abcd"[random.integers(4)] for i in range(4)}, "y": row % 97}
        for row in range(500)
    ]
    os.chdir(tempfile.mkdtemp())
    model = nntrain.load(nntrain.fit(CONFIG, data=rows, runs=Path("runs")))
    for name, level in (("predict", None), ("predict, interval=0.9", 0.9)):
        for row in rows[:20]:
            model.predict([row], interval=level)
        seconds: list[float] = []
        for call in range(CALLS):
            start = time.process_time()
            model.predict([rows[call]], interval=level)
            seconds.append(time.process_time() - start)
        print(f"{name:<24} median {1e3 * median(seconds):.2f} ms   95 % {1e3 * quantiles(seconds, n=20)[-1]:.2f} ms")


if __name__ == "__main__":
    main()
