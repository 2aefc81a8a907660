"""`eval` on files that are not held whole: what it measures and tells is that of the whole file."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.cli import main
from nntrain.commands.preparing import measured_rows, table_size
from nntrain.commands.preparing.measured_rows import MeasuredRows
from nntrain.commands.stored.opening import Stored
from nntrain.data import new_rows, reading

CONFIG = """
name: {name}
data:
  source: t.csv
  target: [y, size]
  fields: {{w: {{role: weight}}, told: category, y: category, town: {{drop: [left]}}}}
  split: {{validation: 0.2, test: null}}
  streaming: {streaming}
architecture: {{type: mlp, hidden: [8]}}
metrics: {{y: [accuracy, auroc, log_loss], size: [mae, medae]}}
training: {{max_epochs: 1}}
"""


def write(path: Path, rows: int, towns: list[str], targets: str) -> None:
    told = ["one two three", "four", "five six", "seven two"]
    lines = ["a,town,told,w,size,y"]
    for row in range(rows):
        size = "" if row % 50 == 7 else f"{row % 13}.25"
        lines.append(f"{row % 50},{towns[row % len(towns)]},{told[row % 4]},{1 + row % 3},{size},{targets[row % len(targets)]}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    write(folder / "t.csv", 240, ["N", "S", "W", "left"], "uvv")
    write(folder / "new.csv", 300, ["N", "X", "W", "S", "left"], "uvvuvvz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, streaming in (("blocks", "true"), ("memory", "false")):
            Path(f"{name}.yaml").write_text(CONFIG.format(name=name, streaming=streaming))
            nntrain.fit(f"{name}.yaml")
    return folder


def measured(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[dict[str, Any], str]:
    capsys.readouterr()
    assert main(["eval", *options, "--data", "new.csv", "--json"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


@pytest.mark.parametrize("name", ["blocks", "memory"])
def test_blocks_give_what_the_whole_file_gives(
    trained: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a run that streams; of another where the file would not fit into memory."""
    monkeypatch.chdir(trained)
    whole, told = measured(capsys, f"runs/{name}", "--intervals")
    monkeypatch.setattr(new_rows, "read_blocks", partial(reading.read_blocks, size=900))
    if name == "memory":
        monkeypatch.setattr(table_size, "LEAST", {"csv": 1e15})
    asked: list[bool] = []
    plain = measured_rows._streamed

    def streamed(stored: Stored, path: Path) -> MeasuredRows | None:
        found = plain(stored, path)
        asked.append(found is not None and found.data.in_blocks)
        return found

    monkeypatch.setattr(measured_rows, "_streamed", streamed)
    cut, told_cut = measured(capsys, f"runs/{name}", "--intervals")
    assert asked == [True]
    assert told_cut == told
    assert "new category" in told or "X" in told
    assert cut["rows"] == whole["rows"] < 300
    for part in ("metrics", "baseline"):
        assert cut[part].keys() == whole[part].keys()
        for key, value in whole[part].items():
            assert cut[part][key] == pytest.approx(value, rel=1e-6), key
    for key, span in whole["intervals"].items():
        assert cut["intervals"][key] == (None if span is None else pytest.approx(span, rel=1e-5))
    assert cut["tables"].keys() == whole["tables"].keys()


def test_a_column_tells_rows_apart(trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(trained)
    whole, _ = measured(capsys, "runs/blocks", "--by", "town")
    monkeypatch.setattr(new_rows, "read_blocks", partial(reading.read_blocks, size=900))
    cut, _ = measured(capsys, "runs/blocks", "--by", "town")
    assert cut["groups"].keys() == whole["groups"].keys()
    for name, group in whole["groups"].items():
        assert cut["groups"][name] == pytest.approx(group, rel=1e-5)


def test_a_column_that_is_missing_is_told_at_once(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    (trained / "lacking.csv").write_text("\n".join(line.partition(",")[2] for line in (trained / "new.csv").read_text().split("\n")))
    monkeypatch.setattr(new_rows, "read_blocks", partial(reading.read_blocks, size=900))
    assert main(["eval", "runs/blocks", "--data", "lacking.csv"]) == 3
    assert "no column 'a'" in capsys.readouterr().err
