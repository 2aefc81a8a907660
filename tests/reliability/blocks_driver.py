"""Kills runs whose table is read a block at a time in the middle of an epoch, and goes on with them, with workers and without.

Run as a script, so that it may fork safely:

    python blocks_driver.py CONFIG RUNS PAIRS STEP [STEP …]

Prints a JSON object: digests of everything that must be equal (see `kill_driver.digests`) of a run that was never stopped under `whole`,
and under `STEP: 20` of those that were killed in a step and resumed: workers before and after. PAIRS says which: `20,22`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1] / "integration"))

from kill_driver import digests, in_child  # pyright: ignore
from streamed_driver import killed  # pyright: ignore
from worker_driver import LOADED

from nntrain.data.blockwise import preparing, store

PRELOADED: Final = LOADED


def drive(config: str, runs: Path, pairs: list[str], steps: list[str]) -> dict[str, Any]:
    """Train once without a break, then once with each kill."""
    preparing.BLOCK_BYTES, store.STRETCH_BYTES = 3_000, 3_000  # pyright: ignore
    assert in_child(["fit", config, "--runs", str(runs), "--run-id", "whole"]) == 0
    return {"whole": digests(runs / "killed" / "whole"), **killed(config, runs / "killed", pairs, steps)}


if __name__ == "__main__":
    print(json.dumps(drive(sys.argv[1], Path(sys.argv[2]), sys.argv[3].split(","), sys.argv[4:])))
