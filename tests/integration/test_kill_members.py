"""Kill -9 among seeds and folds: while one trains, between two, while all are summed up. Resumed: each byte as ever."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CONFIG = """
name: killed
seed: 3
data: {source: rows.csv, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {layers: [linear: 8, batch_norm, relu, dropout: 0.3]}
optimizer: {type: adam, lr: 0.01}
training: {max_epochs: 3, checkpoint: {every_steps: 2}}
"""
ROWS = "a,b,y\n" + "".join(f"{row * 37 % 101},{row % 7 + 0.5},{row % 5 + row % 3}\n" for row in range(90))
TRAINING = ["while_the_second_trains", "between_two_saves", "between_members", "before_the_second_has_a_config"]
ENDING = ["before_the_summary", "while_the_summary_is_written"]
WRITING = ["while_the_predictions_are_written"]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


@pytest.mark.parametrize(
    ("kind", "moments"),
    [
        ("--folds", ["between_two_saves", *WRITING]),
        pytest.param("--folds", [*TRAINING, *WRITING, *ENDING], marks=pytest.mark.slow),
        pytest.param("--seeds", [*TRAINING, *ENDING], marks=pytest.mark.slow),
    ],
)
def test_members_that_were_killed_equal_those_that_were_not(
    kind: str, moments: list[str], tmp_path: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    (tmp_path / "killed.yaml").write_text(CONFIG)
    (tmp_path / "rows.csv").write_text(ROWS)
    driver = Path(__file__).with_name("kill_members_driver.py")
    done = run_script(driver, "killed.yaml", "runs", kind, *moments)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert list(results) == ["whole", *moments]
    whole = results["whole"]
    assert {"summary.json", "members/01/summary.json", "members/02/history.jsonl"} <= whole.keys()
    assert ("out_of_fold.csv" in whole) == (kind == "--folds")
    different = {moment: [name for name in {**whole, **found} if whole.get(name) != found.get(name)] for moment, found in results.items()}
    assert {moment: names for moment, names in different.items() if names} == {}
