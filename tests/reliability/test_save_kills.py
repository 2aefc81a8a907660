"""Kills inside the save of a large state: what is there can always be read."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

DRIVER = Path(__file__).with_name("save_driver.py")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.bar("R3")
@pytest.mark.parametrize("kills", [5, pytest.param(100, marks=pytest.mark.slow)])
def test_a_kill_inside_a_save_leaves_a_state(
    kills: int,
    tmp_path: Path,
    run_script: Callable[..., subprocess.CompletedProcess[str]],
    record_property: Callable[[str, str], None],
) -> None:
    done = run_script(DRIVER, tmp_path / "saved", kills, 0)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == kills
    assert found["unreadable"] == 0
    if kills >= 100:
        assert found["in_write"] >= 0.4 * kills, found
    record_property(
        "figure",
        f"{kills} kills within the {found['save_ms']} ms of a save of 20 MB (seed 0): {found['unreadable']} unreadable, "
        f"{found['in_write']} left an unfinished folder, {found['old']} the old state, {found['new']} the new",
    )
