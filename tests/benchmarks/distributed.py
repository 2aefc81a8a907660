"""Several processes beside one: `python -m tests.benchmarks.distributed` prints rows a second, and the CPU time of a step.

The network of w3 (two convolutions, see `peers/workloads.py`) on images of noise, each process with one thread. CPU time is that of
all processes together, of the steps alone: what a run of a single step takes is subtracted. Wall time means something on idle cores
only, so the load is printed beside it; nothing passes or fails here.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tests.benchmarks.machine import REPOSITORY, THREADS, facts, line

ROWS, BATCH = 10_000, 128

CONFIG = f"""
name: w3
data:
  source: {{type: arrays, path: images.npz}}
  fields: {{x: {{type: image, size: 28, channels: 1}}, y: {{type: category, role: target}}}}
  split: {{validation: 0.01, test: 0.01}}
  batch_size: {BATCH}
architecture:
  layers:
    - conv2d: {{out_channels: 32, kernel_size: 3}}
    - relu
    - conv2d: {{out_channels: 64, kernel_size: 3}}
    - relu
    - max_pool2d: 2
    - flatten
    - linear: 128
    - relu
    - linear: 10
optimizer: {{type: adam, lr: 1e-3}}
training: {{max_steps: 1, evaluate_every: {{steps: 1000000}}, checkpoint: {{every_epochs: null}}, device: cpu, precision: float32}}
"""


def measure(folder: Path, processes: int, steps: int) -> tuple[float, float]:
    """CPU seconds of all processes of a run, and wall seconds of its steps."""
    options = ["--processes", str(processes), "--no-test", "--json", f"training.max_steps={steps}"]
    environment = {**os.environ, **THREADS, "PYTHONPATH": str(REPOSITORY)}
    before = os.times()
    command = [sys.executable, "-m", "nntrain", "fit", "w3.yaml", *options]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu, float(json.loads(done.stdout)["seconds"])


def main() -> None:
    """Measure in turns, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    counts = (1, options.processes)
    cpu: dict[int, list[float]] = {count: [] for count in counts}
    wall: dict[int, list[float]] = {count: [] for count in counts}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw = np.random.default_rng(0)
        np.savez(folder / "images.npz", x=draw.integers(0, 256, (ROWS, 28, 28), dtype=np.uint8), y=draw.integers(0, 10, ROWS))
        (folder / "w3.yaml").write_text(CONFIG)
        print(line(facts()))
        for turn in range(options.rounds):
            for count in counts:
                start, first = measure(folder, count, 1)
                whole, last = measure(folder, count, 1 + options.steps)
                cpu[count].append((whole - start) / options.steps)
                wall[count].append((last - first) / options.steps)
            loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
            steps = ", ".join(f"{1000 * cpu[count][-1]:.1f} ms CPU a step with {count}" for count in counts)
            print(f"round {turn + 1}: load {loads}; {steps}", flush=True)
    for count in counts:
        step, seconds = statistics.median(cpu[count]), statistics.median(wall[count])
        times = statistics.median(one / many for one, many in zip(wall[1], wall[count], strict=True))
        print(
            f"{count} process{'es' if count > 1 else ''}: {1000 * step:.1f} ms CPU a step of {BATCH} rows "
            f"({step / statistics.median(cpu[1]):.2f} of one process), {BATCH / seconds:,.0f} rows/s of wall time ({times:.2f} times one)"
        )


if __name__ == "__main__":
    main()
