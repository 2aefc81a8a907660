"""Deep Q-learning balances the pole, as the example says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain.cli import main

Screens = pytest.CaptureFixture[str]


@pytest.mark.slow
def test_the_pole_is_balanced(repository: Path, capsys: Screens) -> None:
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    config = repository / "configs" / "cartpole_dqn.yaml"
    assert main(["fit", str(config), "seed=2", "training.threads=1", "--runs", "runs", "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["stop_reason"] == "reached"
    assert summary["test"]["return"] >= 195
    assert summary["baseline"]["test.return"] < 30
    assert main(["eval", "--intervals", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["metrics"]) == (100, summary["test"])
    assert found["intervals"]["return"]["low"] >= 195
