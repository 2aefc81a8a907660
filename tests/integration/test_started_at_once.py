"""Several processes start at the same moment: one trains a run, and no two get the same number."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CONFIG = """
data: {source: table.csv, target: y, fields: {x: number, y: number}, batch_size: 64}
architecture: {type: mlp, hidden: [2]}
training: {max_epochs: 1}
"""
AUTO = ["fit", "a.yaml", "--resume", "auto", "--run-id"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize("count", [4, pytest.param(10, marks=pytest.mark.slow)])
def test_one_of_several_trains_and_each_run_gets_a_number_of_its_own(
    count: int, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    Path("table.csv").write_text("\n".join(["x,y", *(f"{row},{row % 7}" for row in range(60))]) + "\n")
    Path("a.yaml").write_text(CONFIG)
    Path("runs/a/left").mkdir(parents=True)  # by a kill
    commands = [
        (count, True, [*AUTO, "new"]),
        (count, True, [*AUTO, "left"]),
        (3, False, [*AUTO, "new"]),
        (count, False, ["fit", "a.yaml"]),
    ]
    driver = Path(__file__).with_name("together_driver.py")
    done = run_script(driver, json.dumps(commands))
    assert done.returncode == 0, done.stderr
    new, left, again, numbered = json.loads(done.stdout)
    for found in (new, left):
        assert sorted(each["code"] for each in found) == [0, *[4] * (count - 1)], found
        refused = [each for each in found if each["code"] == 4]
        assert all("another process" in each["told"] for each in refused)
        assert max(each["cpu_s"] for each in refused) < 3
    codes = [each["code"] for each in again]  # it is finished; two that look at the same moment may be in each other's way
    assert 0 in codes
    assert set(codes) <= {0, 4}
    assert [each["code"] for each in numbered] == [0] * count
    runs = sorted(path.parent.name for path in Path("runs/a").glob("*/summary.json"))
    assert runs == [*(f"{number:04d}" for number in range(1, count + 1)), "left", "new"]
