"""A config with variables, blocks, repeats and sizes trains, saves what it was written out to, and is resumed as any other."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from nntrain import cli

CONFIG = """
variables: {dim: 12}
data: {source: t.csv, target: kind, batch_size: 16, split: {by: random, validation: 0.2, test: 0.2}}
architecture:
  blocks:
    dense: {with: {c: null, act: relu}, layers: [linear: =c, =act]}
  layers:
  - repeat: {for: {c: [24, =dim]}, layers: [{dense: =c, name: "stage{i}"}]}
  - [dense: [=in//2, tanh], linear: =out]
training: {max_epochs: 4}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rows = "".join(f"{row * 7 % 11 / 10},{row % 5},{'abc'[row * 7 % 11 // 4]}\n" for row in range(90))
    (tmp_path / "t.csv").write_text(f"size,count,kind\n{rows}", encoding="utf-8")
    path = tmp_path / "a.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def test_it_trains_resolves_to_itself_and_resumes(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fit", str(config)]) == 0
    whole = tmp_path / "runs" / "a" / "0001"
    saved = (whole / "resolved.yaml").read_text(encoding="utf-8")
    tree = yaml.safe_load(saved)
    assert tree["variables"] is None
    assert tree["architecture"]["blocks"] is None
    assert [layer["type"] for layer in tree["architecture"]["layers"]] == ["sequential", "sequential", "linear", "tanh", "linear"]
    assert [tree["architecture"]["layers"][place]["out_features"] for place in (2, 4)] == ["=in//2", "=out"]

    (tmp_path / "saved.yaml").write_text(saved, encoding="utf-8")
    assert cli.main(["fit", str(tmp_path / "saved.yaml")]) == 0
    again = tmp_path / "runs" / "a" / "0002"
    assert (again / "resolved.yaml").read_text(encoding="utf-8") == saved
    assert (again / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()

    assert cli.main(["fit", str(config), "training.max_epochs=2", "name=part"]) == 0
    part = tmp_path / "runs" / "part" / "0001"
    assert cli.main(["fit", str(config), "name=part", "--resume", str(part)]) == 0
    assert (part / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()

    capsys.readouterr()
    assert cli.main(["show", str(whole)]) == 0
    shown = capsys.readouterr().out
    assert "linear 6 " in shown
    assert "linear 3 " in shown


def test_a_variable_of_the_command_line_changes_the_network(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", str(config), "variables.dim=20"]) == 0
    shown = capsys.readouterr().out
    assert "linear 20 " in shown
    assert "linear 10 " in shown
