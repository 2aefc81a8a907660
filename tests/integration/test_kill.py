"""Kill -9 at the very end of a run with everything that has a state; resumed: each byte as if nothing had happened.

Kills at any other time, also inside writes: tests/reliability/test_kills.py.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
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

SOUP = (
    CONFIG.replace("regularization: {ema: 0.9, clip_norm: 1.0}\n", "")
    .replace("lr: 3e-3", "lr: 5e-2")
    .replace("scheduler: {type: cosine, warmup_steps: 5}\n", "")
    .replace("patience: 2}", "patience: 9}\n  soup: 4")
)
"""The best states lie in folders of their own, and what predicts is their average."""

LAST_STEP = 8 * 6 - 1  # 1,078 training rows in steps of 200, the last one smaller

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")


@pytest.mark.parametrize(("text", "steps"), [(CONFIG, (LAST_STEP,)), (SOUP, (23, LAST_STEP))], ids=["average", "soup"])
def test_kill_in_the_last_step_and_in_the_last_measurement_changes_no_byte(
    text: str, steps: tuple[int, ...], tmp_path: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    config = tmp_path / "killed.yaml"
    config.write_text(text)
    driver = Path(__file__).with_name("kill_driver.py")
    done = run_script(driver, config, tmp_path / "runs", *steps, "end", timeout_s=600)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)
    assert set(results) == {"whole", *map(str, steps), "end"}
    assert ("soup" in results["whole"]["summary"]) == (text == SOUP)
    assert {step: found for step, found in results.items() if found != results["whole"]} == {}
