"""Hands cases to `hostile_driver.py` and takes the results."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DRIVER = Path(__file__).with_name("hostile_driver.py")


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a case."""

    code: int | None
    """Exit code; `None` where the child was killed."""
    signal: int | None
    cpu_s: float
    extra_mb: float
    """Resident memory above that of an idle child."""
    output: str
    events: list[list[str]]
    """What was noted of a watched case: event and arguments."""


def run_all(cases: Sequence[dict[str, Any]]) -> list[Found]:
    """Run all cases, each in a child of its own, which has loaded everything before."""
    process = _driver()
    assert process.stdin is not None
    assert process.stdout is not None
    found: list[Found] = []
    for case in cases:
        process.stdin.write(json.dumps(case) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, f"the driver ended at {case}"
        found.append(Found(**json.loads(line)))
    return found


@cache
def _driver() -> subprocess.Popen[str]:
    """The process whose children run the cases: loading takes seconds, so there is one for all tests."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(DRIVER.parent), str(DRIVER.parents[2])]),
        "NO_COLOR": "1",
        "MALLOC_ARENA_MAX": "2",
    }
    process = subprocess.Popen(
        [sys.executable, str(DRIVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=DRIVER.parent
    )
    atexit.register(process.communicate)
    return process


def fault_of(found: Found, *, codes: Sequence[int], cpu_s: float, extra_mb: float) -> str | None:
    """What a child did that it may not; `None` where it ended as it should."""
    if found.signal is not None:
        return f"killed by signal {found.signal}"
    if found.code not in codes:
        return f"exit {found.code}"
    if "Traceback" in found.output:
        return "a traceback"
    if found.cpu_s > cpu_s:
        return f"{found.cpu_s:.1f} s"
    if found.extra_mb > extra_mb:
        return f"{found.extra_mb:.0f} MB"
    return None
