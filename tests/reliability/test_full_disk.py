"""A full disk: the state before is whole, the message has place, need and room, nothing is left behind, and the run goes on later."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("full_driver.py")
SAVES = [f"save:{number}" for number in range(1, 6)]
OTHERS = [*(f"line:{number}" for number in range(1, 6)), *(f"file:{number}" for number in range(1, 7))]

Driven = Callable[[Path, str, list[str]], dict[str, Any]]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and RLIMIT_FSIZE")


@pytest.fixture
def driven(run_script: Callable[..., subprocess.CompletedProcess[str]]) -> Driven:
    """What the driver found in a folder, in one way, at some moments."""

    def drive(folder: Path, mode: str, moments: list[str]) -> dict[str, Any]:
        if mode == "tmpfs":
            command = ["unshare", "-rm", sys.executable, DRIVER, folder, mode, *moments]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        else:
            done = run_script(DRIVER, folder, mode, *moments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return drive


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False).returncode == 0


@pytest.mark.bar("R4")
@pytest.mark.parametrize(
    ("mode", "moments"),
    [("limit", SAVES[1:2]), pytest.param("limit", SAVES, marks=pytest.mark.slow), pytest.param("tmpfs", SAVES, marks=pytest.mark.slow)],
    ids=["limit", "limit at all", "tmpfs at all"],
)
def test_a_full_disk_at_a_save(
    mode: str, moments: list[str], tmp_path: Path, driven: Driven, record_property: Callable[[str, str], None]
) -> None:
    if mode == "tmpfs" and not can_mount():
        pytest.skip("no file system can be mounted here (unshare -rm)")
    ends = driven(tmp_path / "disk", mode, moments)
    for moment, end in ends.items():
        number = int(moment.removeprefix("save:"))
        told = "\n".join(end["told"])
        assert end["code"] == 7, (moment, told)
        assert f"cannot save runs/small/0001/checkpoints/step-{2 * number:07d}" in told
        assert "MiB are needed" in told
        assert "MiB are free there" in told
        assert end["debris"] == end["damaged"] == end["differs"] == [], (moment, end)
        assert end["newest"] == (None if number == 1 else f"step-{2 * number - 2:07d}")
    how = "a file system of 3 MB filled" if mode == "tmpfs" else "RLIMIT_FSIZE"
    record_property("figure", f"{how} at {', '.join(ends)}: exit 7 each time, state before whole, no debris, resumed to the same bytes")


@pytest.mark.bar("R4")
@pytest.mark.parametrize("moments", [["line:3"], pytest.param(OTHERS, marks=pytest.mark.slow)], ids=len)
def test_a_full_disk_at_any_other_file(
    moments: list[str], tmp_path: Path, driven: Driven, record_property: Callable[[str, str], None]
) -> None:
    ends = driven(tmp_path / "disk", "limit", moments)
    for moment, end in ends.items():
        assert end["code"] == 7, (moment, end)
        assert "runs/small/0001/" in "\n".join(end["told"]), (moment, end)
        assert end["debris"] == end["damaged"] == end["differs"] == [], (moment, end)
    record_property("figure", f"RLIMIT_FSIZE at {len(ends)} lines and files of config, data, history, timing, summary: exit 7, all resumed")
