"""Kill -9 in runs whose rate, momentum and averages have a course of their own; resumed: each byte as if nothing had happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BASE = """
name: killed
seed: 1
data:
  source: {type: builtin, name: digits}
  split: {by: stratified, validation: 0.2, test: 0.2}
  batch_size: 200
architecture:
  layers: [flatten, linear: 16, batch_norm, relu, dropout: 0.3]
"""

PLATEAU_AND_SWA = """
optimizer: {type: sgd, lr: 0.5, momentum: 0.9}
scheduler: {type: plateau, monitor: validation.loss, patience: 0, factor: 0.5, threshold: 0.3, cooldown: 1, warmup_steps: 3}
regularization: {swa: {start_fraction: 0.3, every_steps: 2}, gradient_noise: 0.001, max_norm: 2.0, noise: 0.1}
training: {max_steps: 30, evaluate_every: {steps: 3}, checkpoint: {every_steps: 4}}
"""

ONE_CYCLE = """
optimizer: {type: nadam, lr: 0.01}
scheduler: {type: one_cycle, base_momentum: 0.8}
regularization: {ema: 0.9, l1: 0.0001, clip_value: 0.1, clip_norm: 0.5}
training: {max_steps: 30, evaluate_every: {steps: 7}, checkpoint: {every_steps: 4}}
"""

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")


@pytest.mark.parametrize("rest", [PLATEAU_AND_SWA, ONE_CYCLE], ids=["plateau, swa, noise", "one_cycle, ema, penalties"])
def test_killed_and_resumed_equals_never_stopped(rest: str, tmp_path: Path) -> None:
    config = tmp_path / "killed.yaml"
    config.write_text(BASE + rest)
    driver = Path(__file__).with_name("kill_driver.py")
    command = [sys.executable, str(driver), str(config), str(tmp_path / "runs"), "17"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert {step: found for step, found in results.items() if found != results["whole"]} == {}
    history = [json.loads(line) for line in next(tmp_path.glob("runs/*/whole/history.jsonl")).read_text().splitlines()]
    assert len({line["lr"] for line in history}) > 3
