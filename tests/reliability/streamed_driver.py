"""Kills streamed runs in the middle of an epoch and goes on with them, with workers and without.

Run as a script, so that it may fork safely:

    python streamed_driver.py CONFIG RUNS PAIRS STEP [STEP …]

Prints a JSON object: digests of everything that must be equal (see `kill_driver.digests`) of runs that were never stopped under
`memory`, `2` and, with the pair 00, `0` (workers), and under `STEP: 20` of those that were killed in a step and resumed: workers
before and after. PAIRS says which: `20,22`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final, cast

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from kill_driver import digests, in_child, killing  # pyright: ignore
from worker_driver import LOADED

PRELOADED: Final = LOADED


def drive(config: str, runs: Path, pairs: list[str], steps: list[str]) -> dict[str, Any]:
    """Train once in each way without a break, then once with each kill."""
    found: dict[str, Any] = {}
    ways = {"memory": "data.streaming=false", "2": "data.workers=2", **({"0": "data.workers=0"} if "00" in pairs else {})}
    for name, change in ways.items():
        assert in_child(["fit", config, change, "--runs", str(runs), "--run-id", f"whole-{name}"]) == 0
        found[name] = digests(runs / "streamed" / f"whole-{name}")
    return found | killed(config, runs / "streamed", pairs, steps)


def killed(config: str, folder: Path, pairs: list[str], steps: list[str]) -> dict[str, Any]:
    """Digests of the runs of a config in `folder` that were killed in a step and resumed, with the workers of each pair."""
    found: dict[str, Any] = {}
    for step in steps:
        for before, after in pairs:
            run = folder / f"killed-{step}-{before}{after}"
            begun = ["fit", config, f"data.workers={before}", "--runs", str(folder.parent), "--run-id", run.name]
            status = cast("int", in_child(begun, killing(step)))
            assert os.WIFSIGNALED(status), f"step {step} was not reached: {status}"
            assert in_child(["fit", "--resume", str(run), f"data.workers={after}"]) == 0
            found[f"{step}: {before}{after}"] = digests(run)
    return found


if __name__ == "__main__":
    print(json.dumps(drive(sys.argv[1], Path(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:])))
