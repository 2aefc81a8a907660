"""A config whose values come from the environment, all the way: train, evaluate, predict, go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain.cli import main

CONFIG = """
name: line
data: {source: "${env:NN_DATA}/line.csv", target: y}
architecture: {layers: [linear: "${env:NN_WIDTH}", relu]}
optimizer: {lr: "${env:NN_LR}"}
training: {max_epochs: 2}
"""
RUN = "runs/line/0001"


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{x % 17},{x % 5},{0.5 * (x % 17) + x % 5}" for x in range(80))
    (tmp_path / "line.csv").write_text(f"a,b,y\n{rows}\n")
    (tmp_path / "line.yaml").write_text(CONFIG)
    for name, value in {"NN_DATA": str(tmp_path), "NN_WIDTH": "4", "NN_LR": "1e-2"}.items():
        monkeypatch.setenv(name, value)
    assert main(["fit", "line.yaml"]) == 0
    return tmp_path


def test_a_run_is_evaluated_predicted_from_and_resumed(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    resolved = (trained / RUN / "resolved.yaml").read_text()
    assert "lr: '${env:NN_LR}'" in resolved
    assert "out_features: '${env:NN_WIDTH}'" in resolved
    assert str(trained) not in resolved
    digests = json.loads((trained / RUN / "data.json").read_text())["environment"]
    assert list(digests) == ["data.source.path", "architecture.layers[0].out_features", "optimizer.lr"]
    capsys.readouterr()
    assert main(["eval", RUN, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 8
    assert main(["predict", RUN, "line.csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 81
    assert main(["fit", "--resume", RUN, "training.max_epochs=3"]) == 0


def test_another_value_in_the_environment_is_another_run(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NN_LR", "0.5")
    capsys.readouterr()
    assert main(["fit", "--resume", RUN, "training.max_epochs=3"]) == 4
    assert "optimizer.lr: ${env:NN_LR} then, something else now" in capsys.readouterr().err
    assert main(["fit", "--resume", RUN, "training.max_epochs=3", "optimizer.lr=0.01"]) == 0


def test_data_may_have_moved(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (trained / "moved").mkdir()
    (trained / "line.csv").rename(trained / "moved" / "line.csv")
    monkeypatch.setenv("NN_DATA", str(trained / "moved"))
    assert main(["fit", "--resume", RUN, "training.max_epochs=3"]) == 0


def test_a_variable_that_is_not_set_is_named(trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NN_WIDTH")
    capsys.readouterr()
    assert main(["eval", RUN]) == 2
    assert "the environment variable NN_WIDTH is not set" in capsys.readouterr().err


def test_where_the_data_was_is_not_needed_to_predict(
    trained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NN_DATA")
    assert main(["predict", RUN, "line.csv"]) == 0
    assert main(["eval", RUN, "--data", "line.csv"]) == 0
    capsys.readouterr()
    assert main(["eval", RUN]) == 2
    assert "the environment variable NN_DATA is not set" in capsys.readouterr().err
