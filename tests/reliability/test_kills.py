"""Kill -9 at random, again and again: each run ends with the bytes of one that was never stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kill_configs import CONFIGS

DRIVER = Path(__file__).with_name("kill_loop.py")
SHORT = ("table", "averages", "plateau and swa")

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.mark.bar("R1")
@pytest.mark.parametrize(
    ("kills", "names", "least_runs", "least_in_write"),
    [(12, SHORT, 3, 1), pytest.param(200, tuple(CONFIGS), 40, 40, marks=pytest.mark.slow)],
    ids=["short", "long"],
)
def test_killed_runs_end_as_if_never_stopped(
    kills: int, names: tuple[str, ...], least_runs: int, least_in_write: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    command = [sys.executable, str(DRIVER), str(tmp_path), str(kills), "0", *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    count, runs, in_write = (sum(each[key] for each in found.values()) for key in ("kills", "runs", "in_write"))
    divergent = [line for each in found.values() for line in each["divergent"]]
    record_property(
        "figure", f"{count} kills in {runs} runs of {len(found)} configs, {in_write} inside a write: {len(divergent)} divergent"
    )
    assert divergent == []
    assert count == kills
    assert runs >= least_runs
    assert in_write >= least_in_write
