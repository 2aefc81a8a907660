"""A tag for each token: trained, measured, told and resumed from sentences in columns."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain.cli import main

CONFIG = """
data:
  source: {type: conll, path: train.conll, validation: dev.conll}
  fields: {tokens: {type: text, tokenizer: space}, tags: {type: tags, of: tokens, role: target}}
  split: {test: null}
  batch_size: 8
architecture: {type: lstm, hidden_size: 12, dim: 8, bidirectional: true}
optimizer: {lr: 0.02}
training: {max_epochs: 12}
"""
TITLES, NAMES, PLACES = ("mr", "mrs"), ("ada", "kurt", "emmy", "alan"), ("rome", "oslo", "cairo")


def sentences(count: int) -> str:
    """After a title comes a name, in two parts every other time; `in` stands before a place."""
    parts: list[str] = []
    for place in range(count):
        name = [f"{NAMES[place % 4]}\tB-per", *([f"{NAMES[place // 3 % 4]}\tI-per"] if place % 2 else [])]
        parts.append(
            "\n".join([f"{TITLES[place % 2]}\tO", *name, "lives\tO", "in\tO", f"{PLACES[place % 3]}\tB-loc", *["now\tO"] * (place % 4)])
        )
    return "\n\n".join(parts) + "\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "train.conll").write_text(sentences(48))
    (tmp_path / "dev.conll").write_text(sentences(12))
    (tmp_path / "a.yaml").write_text(CONFIG)
    assert main(["fit"]) == 0
    return tmp_path / "runs" / "a" / "0001"


def test_entities_are_learned_and_predicted(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["best"]["validation.entity_f1"] == 1
    assert summary["best"]["validation.accuracy"] == 1
    assert summary["baseline"]["validation.entity_f1"] == 0
    by_token = summary["baselines"]["token_tags"]  # each name is always one tag but for those that also go on from another
    assert 0 < by_token["validation.entity_f1"] < 1
    assert by_token["validation.accuracy"] > summary["baseline"]["validation.accuracy"]
    capsys.readouterr()
    (tmp_path / "new.conll").write_text("mr\nemmy\nlives\nin\noslo\n\nkurt\nin\ncairo\n")
    assert main(["predict", str(run), "new.conll", "-o", "out.jsonl"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[0]["tokens"] == "mr emmy lives in oslo"
    assert rows[0]["prediction"] in ("O B-per O O B-loc", ["O", "B-per", "O", "O", "B-loc"])
    assert main(["eval", str(run), "--data", "dev.conll", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["entity_f1"] == 1


def test_the_saved_config_resolves_to_itself(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = (run / "resolved.yaml").read_text()
    assert "of: tokens" in saved
    assert "type: tagging" in saved
    (tmp_path / "again.yaml").write_text(saved)
    capsys.readouterr()
    assert main(["check", "again.yaml", "--data", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == 2_324


def test_intervals_are_drawn_over_sentences(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["eval", str(run), "--data", "dev.conll", "--intervals", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["intervals"]["entity_f1"] == {"low": 1, "high": 1}
    assert found["intervals"]["accuracy"] == {"low": 1, "high": 1}


def test_a_row_with_another_number_of_tags_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"tokens": "a b", "tags": "O B-x"}] * 9 + [{"tokens": "a b c", "tags": "O B-x"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "a.yaml").write_text(CONFIG.replace("{type: conll, path: train.conll, validation: dev.conll}", "a.jsonl"))
    assert main(["fit"]) == 3
    told = capsys.readouterr().err
    assert "line 10: tags has 2 values, and tokens 3 tokens" in told


def test_a_layer_that_changes_the_number_of_steps_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.conll").write_text(sentences(8))
    (tmp_path / "dev.conll").write_text(sentences(4))
    layers = "{layers: [{embedding: 8}, {conv1d: {out_channels: 8, kernel_size: 3, padding: same, stride: 2}}, relu]}"
    (tmp_path / "a.yaml").write_text(CONFIG.replace("{type: lstm, hidden_size: 12, dim: 8, bidirectional: true}", layers))
    assert main(["check", "a.yaml"]) == 2
    told = capsys.readouterr().err
    assert "conv1d changes the number of steps, and tags has a value for each step of tokens" in told
    assert "a.yaml:7" in told
