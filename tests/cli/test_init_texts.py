"""`nntrain init` of texts: two beside each other, one that is written from another, a running one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

from nntrain.cli import main

WORDS = ["the", "a", "cat", "dog", "runs", "walks", "fast", "slow", "red", "green", "blue", "house", "car", "tree", "one", "two", "three"]


def sentence(number: int) -> str:
    draw = random.Random(number)
    return " ".join(draw.choices(WORDS, k=4 + number % 5))


def table(folder: Path, head: str, cells: tuple[str, ...]) -> None:
    rows = [",".join([sentence(row), sentence(1000 + row), *(cell.format(row % 2, row % 7) for cell in cells)]) for row in range(80)]
    (folder / "pairs.csv").write_text("\n".join([head, *rows]) + "\n")


def test_each_of_two_texts_gets_a_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path, "question,answer,is_good", ("{0}",))
    assert main(["init", "pairs.csv", "--target", "is_good"]) == 0
    text = (tmp_path / "pairs.yaml").read_text()
    assert "    question_features: {from: question, textcnn: {}}\n" in text
    assert "    joined: {from: [question_features, answer_features], mlp: {}}\n" in text
    capsys.readouterr()
    assert main(["fit", "training.max_epochs=1"]) == 0
    assert main(["show", "runs/pairs"]) == 0, "what is saved resolves"
    assert "joined.linear_1" in capsys.readouterr().out


def test_a_text_that_is_named_beside_numbers_is_read(tmp_path: Path) -> None:
    table(tmp_path, "question,answer,is_good,age", ("{0}", "{1}.5"))
    config = "data: {source: pairs.csv, target: is_good, fields: {question: text, age: number}}\ntraining: {max_epochs: 1}\n"
    (tmp_path / "a.yaml").write_text(config)
    assert main(["fit", "a.yaml"]) == 0
    resolved = yaml.safe_load((tmp_path / "runs" / "a" / "0001" / "resolved.yaml").read_text())
    assert resolved["architecture"]["nodes"]["joined"]["from"] == ["question_features", "age"]


def test_a_text_as_target_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path, "de,en", ())
    assert main(["init", "pairs.csv", "--target", "en"]) == 0
    assert "target -> seq2seq" in capsys.readouterr().out
    assert "type: encoder_decoder" in (tmp_path / "pairs.yaml").read_text()
    assert main(["check"]) == 0


def test_prose_is_a_running_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "prose.txt").write_text("\n".join(f"{sentence(line)}, {sentence(line + 7)}." for line in range(120)))
    assert main(["init", "prose.txt"]) == 0
    text = (tmp_path / "prose.yaml").read_text()
    assert "source: {type: text, path: prose.txt}" in text
    assert "window: 64" in text
    assert "target:" not in text
    capsys.readouterr()
    assert main(["fit", "training.max_epochs=1"]) == 0
    assert "bits_per_char" in capsys.readouterr().out


def test_a_table_in_a_txt_file_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("\n".join(["x\ty", *(f"{row}.5\t{row % 2}" for row in range(60))]))
    assert main(["init", "t.txt", "--target", "y"]) == 0
    assert "type: text" not in (tmp_path / "t.yaml").read_text()
