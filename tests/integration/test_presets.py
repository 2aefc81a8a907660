"""`nntrain init --preset`: what is written for a table, what it is said to cost, and that it trains."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml

import nntrain
from nntrain.cli import main


def write(path: Path, rows: int, *, numbers: bool = False, values: int = 3) -> Path:
    """A table of two numbers and a word."""
    draw = random.Random(0)
    lines = ["width,height,color,y"]
    for row in range(rows):
        width, height = draw.gauss(0, 1), draw.gauss(5, 2)
        target = f"{3 * width - height + draw.gauss(0, 1):.3f}" if numbers else ("yes" if width + draw.gauss(0, 0.5) > 0 else "no")
        lines.append(f"{width:.4f},{height:.4f},c{row % values},{target}")
    path.write_text("\n".join(lines) + "\n")
    return path


def written(folder: Path, preset: str | None = None) -> dict[str, object]:
    arguments = ["init", "t.csv", "--target", "y", "-o", "t.yaml", "--force"]
    assert main([*arguments, *([] if preset is None else ["--preset", preset])]) == 0
    return yaml.safe_load((folder / "t.yaml").read_text())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("preset", ["fast", "good", "best"])
def test_each_preset_trains_as_it_is(folder: Path, preset: str, capsys: pytest.CaptureFixture[str]):
    write(folder / "t.csv", 120)
    tree = written(folder, preset)
    out = " ".join(capsys.readouterr().out.split())
    assert f"{preset}: 96 training rows, 3 columns" in out
    assert "on one core here" in out
    run = nntrain.fit(folder / "t.yaml", "training.max_epochs=2", "training.early_stopping=null", "baselines=[]").run
    assert run.read_json("summary.json")["stop_reason"] in ("max_epochs", "finished")
    assert tree["training"].get("bag") == {"fast": None, "good": 5, "best": 10}[preset]  # type: ignore[attr-defined]


def test_without_a_word_it_is_good(folder: Path):
    write(folder / "t.csv", 120)
    assert written(folder) == written(folder, "good")


def test_of_few_rows_the_loss_decides_which_state_is_best(folder: Path):
    write(folder / "t.csv", 120)
    assert written(folder)["training"]["early_stopping"]["monitor"] == "validation.loss"  # type: ignore[index]
    write(folder / "t.csv", 120, numbers=True)
    assert written(folder)["training"]["early_stopping"]["monitor"] == "validation.rmse"  # type: ignore[index]


@pytest.mark.parametrize("preset", ["fast", "good", "best"])
@pytest.mark.parametrize("rows", [120, 3_000])
def test_the_rate_is_that_of_tabm_for_few_rows_too(folder: Path, rows: int, preset: str):
    write(folder / "t.csv", rows)
    assert written(folder, preset)["optimizer"] == {"type": "adamw", "lr": 0.002}


def test_many_rows_have_one_network_and_numbers_bins(folder: Path):
    write(folder / "t.csv", 3_000, numbers=True)
    tree = written(folder, "good")
    assert tree["architecture"] == {"type": "tabm", "hidden": [256, 256], "k": 16}
    assert "bag" not in tree["training"]  # type: ignore[operator]
    assert tree["data"]["split"]["validation"] == 0.1  # type: ignore[index]
    assert "validation" not in written(folder, "best")["data"]["split"]  # type: ignore[index]


def test_categories_of_many_values_are_embedded(folder: Path, capsys: pytest.CaptureFixture[str]):
    write(folder / "t.csv", 900, values=150)
    tree = written(folder, "good")
    assert tree["architecture"]["inputs"]["color"] == {"embedding": 50}  # type: ignore[index]
    assert "1 of more than 100 values, embedded" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["t.csv", "--target", "y", "--preset", "goood"], "one of: fast, good, best"),
        (["--example", "digits", "--preset", "good"], "--preset has no effect"),
    ],
)
def test_presets_that_are_none(folder: Path, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]):
    write(folder / "t.csv", 60)
    assert main(["init", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_presets_are_for_tables(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "text.txt").write_text("It was a dark and stormy night, and nobody read on.\n" * 50)
    assert main(["init", "text.txt", "--preset", "good"]) == 2
    assert "--preset is for tables" in capsys.readouterr().err


def test_columns_that_are_counted_are_single_values_where_a_preset_is_named(folder: Path):
    draw = random.Random(0)
    lines = [",".join([*(f"t{column}" for column in range(20)), "y"])]
    lines += [",".join([*(f"{draw.random():.3f}" for _ in range(20)), "ab"[row % 2]]) for row in range(60)]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    assert "type: series" in (written(folder), (folder / "t.yaml").read_text())[1]
    assert written(folder, "good")["architecture"]["type"] == "tabm"  # type: ignore[index]
