"""`fit --smoke --fake-data`: a config whose data is elsewhere is proven on made-up rows, and nobody can take them for real ones."""

from __future__ import annotations

import json
import tempfile
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.commands.proofs import made_up

Screens = pytest.CaptureFixture[str]

TABLE = """
data: {source: rents.csv, target: rent}
architecture: {type: mlp, hidden: [8]}
training: {max_epochs: 1}
"""
ENDS_IN_TEN = """
data: {source: {type: image_folder, path: photos.zip}, fields: {image: {type: image, size: 8, channels: 1}}}
architecture: {layers: [flatten, linear: 10]}
"""
FIXED_STEPS = """
data: {source: waves.csv, target: kind, fields: {wave: {type: series, columns: "t*"}}}
architecture: {layers: [flatten, unflatten: [1, 6, 8], flatten]}
"""
NUMBER = """
data: {source: rents.csv, target: rent}
architecture: {type: mlp, hidden: [8]}
training: {max_epochs: 1, early_stopping: {monitor: validation.rmse}}
"""
NEVER = """
data: {source: rents.csv, target: rent}
architecture: {nodes: {a: {from: photo, linear: 4}}}
"""


@pytest.fixture(autouse=True)
def _temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


def smoke(text: str, capsys: Screens, *arguments: str) -> tuple[int, dict[str, Any]]:
    Path("config.yaml").write_text(text)
    code = main(["fit", "config.yaml", "--smoke", "--fake-data", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_the_head_says_that_rows_are_made_up_and_nothing_is_left(tmp_path: Path, capsys: Screens) -> None:
    Path("rents.yaml").write_text(TABLE)
    assert main(["fit", "rents.yaml", "--smoke", "--fake-data"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("data     MADE-UP ROWS: rents.csv is not there: 400 rows in a temporary folder")
    assert "rent: category, 3 classes" in lines[1]
    assert lines[2].endswith("made up: number_1, number_2, category_1")
    assert [line.split()[0] for line in lines[3:8]] == ["check", "fit", "resume", "eval", "predict"]
    assert lines[-1].startswith("made-up rows: ")
    assert [path.name for path in tmp_path.iterdir()] == ["rents.yaml"]
    assert list(Path(tempfile.gettempdir()).glob("nntrain-*")) == []


def test_rows_that_are_there_are_used(capsys: Screens) -> None:
    rows = "\n".join(f"{row},{row % 2}" for row in range(60))
    Path("rents.csv").write_text(f"size,rent\n{rows}\n")
    code, found = smoke(TABLE, capsys)
    assert code == 0
    assert found["data"] == "real rows"
    assert "made_up" not in found


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (ENDS_IN_TEN, "label: category, 10 classes"),
        (FIXED_STEPS, "kind: category, 3 classes"),
        (NUMBER, "rent: number"),
        (TABLE + "loss: bce", "rent: boolean"),
    ],
    ids=["classes of the network", "steps of the network", "metric of a number", "loss of two classes"],
)
def test_what_the_config_leaves_open_is_found(text: str, target: str, capsys: Screens, monkeypatch: pytest.MonkeyPatch) -> None:
    busy = SimpleNamespace(monotonic=count(step=100).__next__, process_time=time.process_time)  # by the clock a guess takes 100 s
    monkeypatch.setattr(made_up, "time", busy)
    code, found = smoke(text, capsys)
    assert code == 0, found
    assert found["made_up"][1] == target
    assert found["data"] == "made-up rows"


def test_a_config_that_no_rows_fit_is_told_what_to_write(capsys: Screens) -> None:
    code, found = smoke(NEVER, capsys)
    assert code == 2
    assert found["failed"] == "check"
    assert "photo" in found["message"]
    Path("config.yaml").write_text(NEVER)
    assert main(["fit", "config.yaml", "--smoke", "--fake-data"]) == 2
    assert "data.fields: {rent: {type: category, classes: 10}, NAME: number}" in capsys.readouterr().out


def test_overrides_and_overlays_hold(capsys: Screens) -> None:
    Path("over.yaml").write_text("data: {source: other.csv}\n")
    code, found = smoke(TABLE, capsys, "data.target=y", "--with", "over.yaml")
    assert code == 0
    assert found["made_up"][:2] == ["other.csv is not there: 400 rows in a temporary folder", "y: category, 3 classes"]


def test_each_of_several_configs(capsys: Screens) -> None:
    for name in ("one.yaml", "two.yaml"):
        Path(name).write_text(TABLE)
    assert main(["fit", "--each", "one.yaml", "two.yaml", "--smoke", "--fake-data"]) == 0
    assert capsys.readouterr().out.count("MADE-UP ROWS") == 2


def test_rows_are_made_up_for_smoke_runs_alone(capsys: Screens) -> None:
    Path("rents.yaml").write_text(TABLE)
    assert main(["fit", "rents.yaml", "--fake-data"]) == 2
    assert "add --smoke" in capsys.readouterr().err
    assert main(["fit", "rents.yaml", "--smoke"]) == 3
    assert main(["check", "rents.yaml"]) == 3
    assert main(["fit", "rents.yaml"]) == 3
    assert not Path("runs").exists()
