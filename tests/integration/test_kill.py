"""Kill -9 at random steps of a run with everything that has a state, and at its very end; resumed: each byte as if nothing had happened."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

CONFIG = """
name: killed
seed: 3
data:
  source: {type: builtin, name: digits}
  split: {by: stratified, validation: 0.2, test: 0.2}
  batch_size: 100
architecture:
  layers:
    - conv2d: {out_channels: 4, kernel_size: 3}
    - batch_norm
    - relu
    - flatten
    - dropout: 0.3
    - linear: 16
    - relu
optimizer: {type: adamw, lr: 3e-3}
scheduler: {type: cosine, warmup_steps: 5}
regularization: {ema: 0.9, clip_norm: 1.0}
training:
  max_epochs: 8
  early_stopping: {monitor: validation.loss, patience: 2}
  evaluate_every: {steps: 9}
  checkpoint: {every_steps: 7, keep: 2}
  accumulate: 2
"""

STEPS = 8 * 6  # 1,078 training rows in steps of 200, the last one smaller

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_at_any_time_changes_no_byte(kills: int, tmp_path: Path) -> None:
    config = tmp_path / "killed.yaml"
    config.write_text(CONFIG)
    steps = [*sorted(random.Random(0).sample(range(STEPS - 1), kills)), "end"]
    driver = Path(__file__).with_name("kill_driver.py")
    command = [sys.executable, str(driver), str(config), str(tmp_path / "runs"), *map(str, steps)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert len(results) == kills + 2
    assert {step: found for step, found in results.items() if found != results["whole"]} == {}
