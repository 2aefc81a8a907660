"""Six epochs at once, in two halves, one by one, or killed on the way: the same bytes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from forging import meta_of
from kill_loop import digests

from nntrain.cli import main

Script = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """
name: longer
seed: 5
data: {{source: rows.csv, target: y, split: {{validation: 0.2, test: 0.2}}, batch_size: 16}}
architecture: {{layers: [linear: 8, batch_norm, relu, dropout: 0.3]}}
optimizer: {{type: sgd, lr: 0.05, momentum: 0.9}}
scheduler: {schedule}
regularization: {{ema: 0.9, noise: 0.1}}
training: {{max_epochs: 6, early_stopping: {{patience: 50}}}}
"""
ROWS = "a,b,y\n" + "".join(f"{row * 37 % 101},{row % 7 + 0.5},{row % 5 + row % 3}\n" for row in range(120))
SCHEDULES = {
    "constant": "{type: constant, warmup_steps: 8}",
    "step": "{type: step, every_steps: 7, gamma: 0.5}",
    "plateau": "{type: plateau, monitor: validation.loss, patience: 0, factor: 0.5, threshold: 0.2, cooldown: 1}",
}


def trained(run_id: str, *epochs: int, auto: bool = False) -> dict[str, str]:
    """Train up to each of the limits in turn; the digests of all that must be equal."""
    run = Path("runs/longer") / run_id
    for limit in epochs:
        way = ["--resume", str(run)] if run.exists() and not auto else ["longer.yaml", "--run-id", run_id, *(["--resume", "auto"] * auto)]
        assert main(["fit", *way, f"training.max_epochs={limit}"]) == 0
    return found_in(run)


def found_in(run: Path) -> dict[str, str]:
    """Digests of all that must be equal. The best state may tell that a limit ended the run there, until it was raised."""
    checkpoints = run / "checkpoints"
    parts = meta_of(checkpoints / (checkpoints / "best").read_text().strip())["parts"]
    del parts["state"]["progress"]["stop_reason"], parts["state"]["progress"]["elapsed_s"]
    return {**digests(run), "checkpoints/best/meta.json": json.dumps(parts)}


def killed(run_script: Script, *steps: int) -> dict[str, Any]:
    """What is left of runs of six epochs that were killed in these steps, and resumed."""
    driver = Path(__file__).parents[1] / "integration" / "kill_driver.py"
    done = run_script(driver, "longer.yaml", "killed", *steps)
    assert done.returncode == 0, done.stderr
    return {f"killed in step {step}": found_in(Path(f"killed/longer/killed-{step}")) for step in steps}


@pytest.mark.bar("R7")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(
    ("schedule", "kills"),
    [
        ("plateau", (13,)),
        *(pytest.param(name, (2, 13, 24), marks=pytest.mark.slow) for name in SCHEDULES),
    ],
)
def test_longer_later_is_longer_at_once(
    schedule: str, kills: tuple[int, ...], run_script: Script, record_property: Callable[[str, object], None]
) -> None:
    torch.set_num_threads(1)
    Path("longer.yaml").write_text(CONFIG.format(schedule=SCHEDULES[schedule]))
    Path("rows.csv").write_text(ROWS)
    whole = trained("whole", 6)
    ways = {
        "3 + 3": trained("halves", 3, 6),
        "six times 1": trained("single", *range(1, 7)),
        "3 + 3, auto": trained("auto", 3, 6, auto=True),
        **killed(run_script, *kills),
    }
    assert {"history.jsonl", "checkpoints/last/weights.safetensors", "checkpoints/best/ema.safetensors"} <= whole.keys()
    assert {"checkpoints/last/state.safetensors", "checkpoints/last/meta.json"} <= whole.keys()
    different = {way: [name for name in {**whole, **found} if whole.get(name) != found.get(name)] for way, found in ways.items()}
    assert {way: names for way, names in different.items() if names} == {}
    rates = {json.loads(line)["lr"] for line in Path("runs/longer/whole/history.jsonl").read_text().splitlines()}
    assert len(rates) > (1 if schedule == "constant" else 2)
    record_property("figure", f"{schedule}: {len(ways)} ways to 6 epochs, {len(whole)} digests each, none differs")


@pytest.mark.bar("R7")
def test_an_evaluation_that_only_the_old_limit_brought_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("longer.yaml").write_text(CONFIG.format(schedule="constant"))
    Path("rows.csv").write_text(ROWS)
    assert main(["fit", "longer.yaml", "training.max_epochs=null", "training.max_steps=7"]) == 0
    assert main(["fit", "--resume", "runs/longer/0001", "training.max_steps=12"]) == 0
    assert "inexact since step 7: the limit before brought an evaluation there" in capsys.readouterr().err
    assert json.loads(Path("runs/longer/0001/summary.json").read_text())["inexact_since"] == 7


@pytest.mark.bar("R7")
def test_a_run_that_lost_its_patience_goes_on_with_more_and_not_with_a_longer_limit(capsys: pytest.CaptureFixture[str]) -> None:
    Path("longer.yaml").write_text(CONFIG.format(schedule="constant"))
    Path("rows.csv").write_text(ROWS)
    stops_at_once = ["training.early_stopping={patience: 1, min_delta: 100}"]
    patient = ["training.early_stopping={patience: 4, min_delta: 100}"]
    assert main(["fit", "longer.yaml", "--run-id", "whole", *patient]) == 0
    assert main(["fit", "longer.yaml", "--run-id", "part", *stops_at_once]) == 0
    assert json.loads(Path("runs/longer/part/summary.json").read_text())["stop_reason"] == "early_stopping"
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/longer/part", "training.max_epochs=9"]) == 0
    told = "is finished: early_stopping; more patience goes on: training.early_stopping.patience=N"
    assert told in capsys.readouterr().err
    assert main(["fit", "--resume", "runs/longer/part", "training.max_epochs=6", "training.early_stopping.patience=4"]) == 0
    assert digests(Path("runs/longer/part")) == digests(Path("runs/longer/whole"))
