"""What a checkpoint costs: `python tests/benchmarks/checkpoint_cost.py` prints a table.

States of several sizes, each saved by `torch.save` (one file, not synced, no digests), then as a run does (beside, synced, renamed,
digests, pointers), then loaded with its digests compared; one after another in turn, medians. Nothing passes or fails here.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nntrain.training import checkpoint

SIZES = (40_000, 1_000_000, 10_000_000, 25_000_000, 100_000_000)
"""Bytes of tensors."""


def state(size: int) -> dict[str, Any]:
    """A state as AdamW has it: weights, and two moments of each."""
    count = max(1, size // 12 // 65_536)

    def table() -> dict[str, torch.Tensor]:
        return {f"layer{number}.weight": torch.randn(size // 12 // count) for number in range(count)}

    moments = zip(table().items(), table().values(), strict=True)
    optimizer = {name: {"exp_avg": one, "exp_avg_sq": two, "step": torch.tensor(7.0)} for (name, one), two in moments}
    rest: dict[str, Any] = {"rng": {"torch": torch.get_rng_state()}, "protocol": {}, "fields": [], "task": {}, "state": {"step": 7}}
    return {"weights": table(), "optimizer": optimizer, **rest}


def seconds(action: Callable[[], object]) -> float:
    """Of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(folder: Path, size: int, repeat: int) -> dict[str, float]:
    """Median milliseconds of `torch.save`, of a checkpoint, and of loading it."""
    parts, times = state(size), {"torch.save": list[float](), "checkpoint": list[float](), "load": list[float]()}
    saved = folder / "checkpoints"
    for step in range(repeat):
        times["torch.save"].append(seconds(lambda: torch.save(parts, folder / "state.pt")))
        times["checkpoint"].append(seconds(lambda step=step: checkpoint.save(saved, step, parts, points=("last", "best"))))
        times["load"].append(seconds(lambda: checkpoint.newest(saved)))
        checkpoint.prune(saved, 1)
    return {name: statistics.median(values) * 1e3 for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7, help="saves of each size")
    parser.add_argument("--folder", type=Path, default=Path(), help="a folder on the disk that is measured")
    given = parser.parse_args()
    torch.set_num_threads(1)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    sys.stdout.write(f"median ms of {given.repeat}{load}\n{'state':>12}{'torch.save':>12}{'checkpoint':>12}{'load':>8}{'ratio':>8}\n")
    for size in SIZES:
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            found = measure(Path(folder), size, given.repeat)
        ratio = found["checkpoint"] / found["torch.save"]
        cells = f"{found['torch.save']:>12.1f}{found['checkpoint']:>12.1f}{found['load']:>8.1f}{ratio:>8.1f}"
        sys.stdout.write(f"{size / 1e6:>9.2f} MB{cells}\n")


if __name__ == "__main__":
    main()
