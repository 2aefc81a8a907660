"""A kill at every single call to the file system that a run makes: what is left is whole, and goes on to the same bytes.

`tests/unit/training/test_checkpoint_crash.py` does the same for one save in one process, and with a full disk in place of a kill.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("crash_driver.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.bar("R2")
@pytest.mark.parametrize(("every", "first"), [(97, 41), pytest.param(1, 1, marks=pytest.mark.slow)])
def test_a_kill_at_any_call_leaves_the_old_or_the_new(
    every: int,
    first: int,
    tmp_path: Path,
    run_script: Callable[..., subprocess.CompletedProcess[str]],
    record_property: Callable[[str, str], None],
) -> None:
    done = run_script(DRIVER, tmp_path, every, first, timeout_s=1800)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == len(range(first, found["calls"], every))
    assert {"before it was a run", "at step-0000002", "with a summary"} <= set(found["left"]) or every > 1
    stages = ", ".join(f"{count} {stage}" for stage, count in found["left"].items())
    which = "each" if every == 1 else f"every {every}th"
    record_property(
        "figure",
        f"kill at {which} of about {found['calls'] - 1} calls of a run of 3 saves: {found['kills']} kills ({stages}; {found['partial']} "
        "in a save), all left whole and resumed to the same bytes",
    )
