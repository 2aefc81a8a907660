"""`predict` on files that are not held whole: what it writes and tells is that of the whole file, and nothing half done is left."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import nntrain
from nntrain.cli import main
from nntrain.data import new_rows, reading
from nntrain.data.drift import Departure, Departures, Drift, Kind

CONFIG = """
name: t
data: {source: t.csv, target: y, split: {validation: 0.2, test: null}}
architecture: {type: mlp, hidden: [8]}
training: {max_epochs: 1}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    lines = ["a;b;town;y", *(f"{row % 50},5;{'' if row % 9 == 0 else row % 7};{'NSW'[row % 3]};{'uv'[row % 2]}" for row in range(200))]
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    (folder / "t.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        nntrain.fit("t.yaml")
    return folder


@pytest.fixture
def here(trained: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(trained)
    towns = ["N", "S", "X", "W", "Y"]
    lines = ["a;b;town", *(f"{row % 70},25;{'' if row % 4 == 0 else row % 9};{towns[row % 5]}" for row in range(300)), "Summe;9;"]
    (trained / "new.csv").write_text("\n".join(lines) + "\n")
    return trained


def cut(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(new_rows, "read_blocks", partial(reading.read_blocks, size=size))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "jsonl"])
def test_blocks_give_what_the_whole_file_gives(
    here: Path, suffix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "runs/t", "new.csv", "-o", f"whole.{suffix}"]) == 0
    told = capsys.readouterr().err.replace("whole.", "cut.")
    cut(monkeypatch, 700)
    assert main(["predict", "runs/t", "new.csv", "-o", f"cut.{suffix}"]) == 0
    assert capsys.readouterr().err == told
    assert "no rows  line 302 ('Summe')" in told
    readers: dict[str, Callable[[str], pl.DataFrame]] = {"parquet": pl.read_parquet, "jsonl": pl.read_ndjson}
    read = readers.get(suffix, partial(pl.read_csv, separator="	" if suffix == "tsv" else ";", infer_schema=False))
    whole, found = read(f"whole.{suffix}"), read(f"cut.{suffix}")
    assert found.schema == whole.schema
    assert found.drop("probability_u", "probability_v").equals(whole.drop("probability_u", "probability_v"))
    for name in ("probability_u", "probability_v"):
        numbers = [frame[name].cast(pl.String).str.replace(",", ".").cast(pl.Float64).to_numpy() for frame in (found, whole)]
        np.testing.assert_allclose(numbers[0], numbers[1], atol=1e-6)  # products of other batches are rounded otherwise


def test_the_screen_gets_each_row_once_under_one_line_of_names(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cut(monkeypatch, 700)
    assert main(["predict", "runs/t", "new.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "a;b;town;prediction;probability_u;probability_v;note"
    assert len(lines) == 301
    assert sum(line == lines[0] for line in lines) == 1


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_fault_in_a_later_block_leaves_what_was_there(
    here: Path, suffix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (here / "new.csv").open("a") as file:
        file.write("what;3;N\n" + "1,5;2;N\n" * 30)
    before = f"out.{suffix}"
    (here / before).write_text("old")
    there = {path.name for path in here.iterdir()}
    cut(monkeypatch, 700)
    assert main(["predict", "runs/t", "new.csv", "-o", before]) == 3
    assert "line 303 'what'" in capsys.readouterr().err
    assert (here / before).read_text() == "old"
    assert {path.name for path in here.iterdir()} == there


def _nothing(row: int) -> None:
    return None


def departures(rows: int, *columns: tuple[Kind, str, list[int], str]) -> Departures:
    made: list[Departure] = []
    for place, (kind, name, where, shown) in enumerate(columns):
        mask = np.zeros(rows, dtype=bool)
        mask[where] = True
        made.append(Departure(kind, name, (place, 0), mask, "word", _nothing, dict.fromkeys(shown), 0.1))
    return Departures(rows, tuple(made))


def test_drift_of_blocks_is_that_of_all_rows() -> None:
    one = departures(4, ("new", "town", [0, 1], "ab"), ("missing", "b", [3], ""))
    two = departures(6, ("new", "town", [5], "bc"), ("missing", "b", [0, 1, 2], ""))
    three = departures(10)
    drift = Drift()
    for found in (one, two, three):
        drift.add(found)
    assert drift.lines == ("new categories   town 15 % ('a', 'b', 'c')",), "4 of 20 missing are what chance makes of 10 %"
    assert two.lines[1] == "missing          b 50 % (training 10 %)"
