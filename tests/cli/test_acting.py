"""Learning by acting from the command line: fit, eval, predict and resume ask nothing that other runs don't."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import corridor
import pytest

from nntrain import plugins
from nntrain.cli import main

CONFIG = """
name: walk
seed: 1
plugins: [corridor]
data: {source: {type: "corridor:Corridor", steps: 40, validation: 6, test: 30}, batch_size: 16}
architecture: {type: mlp, hidden: [16]}
task: q_values
optimizer: {type: adam, lr: 0.01}
training:
  protocol: {type: dqn, buffer: 200, learn_start: 20, target_every: 10, epoch_moves: 50}
  max_epochs: 5
  device: cpu
"""

Screens = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(plugins._allowed, corridor.MODULE, sys.modules[corridor.__name__])  # pyright: ignore[reportPrivateUsage]
    path = tmp_path / "walk.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def output(capsys: Screens, *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    assert main([*arguments]) == code
    found = capsys.readouterr()
    return found.out if code == 0 else found.err


def told(capsys: Screens, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(output(capsys, *arguments, "--json"))
    return found


def test_a_run_is_measured_and_used(config: Path, capsys: Screens) -> None:
    assert "ok" in output(capsys, "check", str(config))
    summary = told(capsys, "fit", str(config))
    assert summary["monitor"] == "validation.return"
    assert summary["directions"] == {"return": "max", "return_sd": "min"}
    assert summary["test"]["return"] > summary["baseline"]["test.return"] + 0.2
    assert summary["test"].keys() == {"return", "return_sd"}
    assert set(summary["last"]) >= {"train.return", "train.running_loss"}

    found = told(capsys, "eval", "--intervals")
    assert (found["split"], found["rows"], found["metrics"]) == ("test", 30, summary["test"])
    assert found["baseline"] == {name.removeprefix("test."): value for name, value in summary["baseline"].items() if "test." in name}
    assert found["intervals"]["return"]["low"] <= found["metrics"]["return"] <= found["intervals"]["return"]["high"]
    assert told(capsys, "eval", "--split", "validation")["metrics"]["return"] == summary["best"]["validation.return"]
    assert "random actions" in output(capsys, "eval")
    assert "measures nothing on its train rows" in output(capsys, "eval", "--split", "train", code=2)

    rows = config.parent / "rows.csv"
    rows.write_text("observation_0,observation_1\n0,4\n3,1\n", encoding="utf-8")
    assert output(capsys, "predict", str(rows)).splitlines()[1:] == ["0,4,ahead,", "3,1,ahead,"]
    known = config.parent / "known.csv"
    known.write_text("observation_0,observation_1,action\n0,4,ahead\n", encoding="utf-8")
    assert "rows of a file are none" in output(capsys, "eval", "--data", str(known), code=2)


def test_what_was_resolved_resolves_to_itself(config: Path, capsys: Screens) -> None:
    summary = told(capsys, "fit", str(config), "training.max_steps=20")
    resolved = config.parent / "runs" / "walk" / "0001" / "resolved.yaml"
    text = resolved.read_text(encoding="utf-8")
    assert "type: q_values" in text
    assert "observation_*" in text
    again = told(capsys, "fit", str(resolved), "name=again")
    assert again["test"] == summary["test"]
    assert (config.parent / "runs" / "again" / "0001" / "resolved.yaml").read_text(encoding="utf-8") == text.replace("walk", "again")


def test_several_seeds(config: Path, capsys: Screens) -> None:
    found = told(capsys, "fit", str(config), "--seeds", "2", "training.max_steps=5")
    assert "return" in json.dumps(found["test"])


def test_smoke(config: Path, capsys: Screens) -> None:
    found = told(capsys, "fit", str(config), "--smoke")
    assert list(found["seconds"]) == ["check", "fit", "resume", "eval", "predict"]


def test_check_knows_an_environment_without_playing_it(config: Path, capsys: Screens) -> None:
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    text = CONFIG.replace('"corridor:Corridor"', "gymnasium, env: CartPole-v1").replace("plugins: [corridor]\n", "")
    config.write_text(text, encoding="utf-8")
    found = told(capsys, "check", str(config))
    assert found["ok"]
    assert found["parameters"] == 4 * 16 + 16 + 16 * 2 + 2
    config.write_text(text.replace("CartPole-v1", "CartPole-v7"), encoding="utf-8")
    assert "CartPole-v1" in output(capsys, "check", str(config), code=3)


def test_random_moves_are_no_answers(config: Path, capsys: Screens) -> None:
    text = CONFIG.replace("task: q_values\n", "").replace(
        "  protocol: {type: dqn, buffer: 200, learn_start: 20, target_every: 10, epoch_moves: 50}\n", ""
    )
    config.write_text(text, encoding="utf-8")
    assert main(["check", "walk.yaml"]) == 2
    assert "fix:  training.protocol: dqn" in "".join(capsys.readouterr())
