"""Kills runs whose table is read a block at a time in the middle of an epoch, and goes on with them, with workers and without.

Run as a script, so that it may fork safely:

    python blocks_driver.py CONFIG RUNS PAIRS STEP [STEP …]

Prints a JSON object: digests of everything that must be equal (see `kill_driver.digests`) of a run that was never stopped under `whole`,
and under `STEP: 20` of those that were killed in a step and resumed: workers before and after. PAIRS says which: `20,22`.
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

from nntrain.data.blockwise import preparing, store

PRELOADED: Final = LOADED


def drive(config: str, runs: Path, pairs: list[str], steps: list[str]) -> dict[str, Any]:
    """Train once without a break, then once with each kill."""
    preparing.BLOCK_BYTES, store.STRETCH_BYTES = 3_000, 3_000  # pyright: ignore
    assert in_child(["fit", config, "--runs", str(runs), "--run-id", "whole"]) == 0
    found: dict[str, Any] = {"whole": digests(runs / "killed" / "whole")}
    for step in steps:
        for before, after in pairs:
            run_id = f"killed-{step}-{before}{after}"
            status = cast(
                "int", in_child(["fit", config, f"data.workers={before}", "--runs", str(runs), "--run-id", run_id], killing(step))
            )
            assert os.WIFSIGNALED(status), f"step {step} was not reached: {status}"
            run = runs / "killed" / run_id
            assert in_child(["fit", "--resume", str(run), f"data.workers={after}"]) == 0
            found[f"{step}: {before}{after}"] = digests(run)
    return found


if __name__ == "__main__":
    print(json.dumps(drive(sys.argv[1], Path(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:])))
