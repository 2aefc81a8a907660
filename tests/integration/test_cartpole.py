"""Deep Q-learning balances the pole, as the example says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain import fit
from nntrain.cli import main

Screens = pytest.CaptureFixture[str]


def test_the_summary_says_why_the_network_was_not_looked_at(repository: Path) -> None:
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    protocol = "training.protocol={type: dqn, learn_start: 50, epoch_moves: 50}"
    summary = fit(repository / "configs" / "cartpole_dqn.yaml", protocol, "training.max_epochs=1", quiet=True).summary
    assert summary["unseen"] == "the loss of rows does not say how a network learns in the protocol dqn"


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
