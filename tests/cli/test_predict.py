"""`predict` as a person uses it: columns and rows stay, what is unlike training is told, intervals hold what they promise."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import nntrain
from nntrain.cli import main
from nntrain.errors import CheckpointError, DataError, UsageError

RENTS = """
name: rents
data:
  source: rents.csv
  target: rent
  fields: {email: {role: ignore}}
  split: {validation: 0.3, test: 0.1}
architecture: {type: mlp, hidden: [16]}
optimizer: {type: adamw, lr: 1e-2}
training: {max_epochs: 8}
"""

SHOPS = """
name: shops
data: {source: shops.csv, target: size, split: {validation: 0.2, test: null}}
architecture: {type: mlp, hidden: [8]}
training: {max_epochs: 2}
"""


def rents(count: int, seed: int) -> list[str]:
    """Lines of a table in which the rent is a straight line of area and rooms, with noise of 40."""
    random = np.random.default_rng(seed)
    lines = ["zip,area,rooms,town,email,rent"]
    for row in range(count):
        area, rooms, town = random.uniform(20, 120), random.integers(1, 5), random.integers(3)
        known = rooms if random.random() > 0.05 else ""
        rent = 10 * area + 50 * rooms + 30 * town + random.normal(0, 40)
        lines.append(f"0{1000 + row % 7},{area:.2f},{known},{'NSW'[town]},{row}@x.de,{rent:.2f}")
    return lines


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of numbers and one of classes."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "rents.csv").write_text("\n".join(rents(600, 0)) + "\n")
    (folder / "rents.yaml").write_text(RENTS)
    random = np.random.default_rng(0)
    shops = [f"{x:.3f},{'large' if x > 0 else 'small'}" for x in random.normal(size=80)]
    (folder / "shops.csv").write_text("\n".join(["visits,size", *shops]) + "\n")
    (folder / "shops.yaml").write_text(SHOPS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        nntrain.fit("rents.yaml")
        nntrain.fit("shops.yaml")
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path) -> Path:
    """A copy of that folder, in which the test stands; two new rows lie there."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    (tmp_path / "new.csv").write_text("extra,rooms,town,area,zip\n01,2,N,50,01001\n02,,X,500,01002\n")
    return tmp_path


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def predict(*arguments: str) -> None:
    assert main(["predict", "runs/rents", *arguments]) == 0


def test_columns_and_rows_stay_and_what_is_unlike_training_is_noted(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    predict("new.csv", "-o", "out.csv")
    rows = rows_of(here / "out.csv")
    assert list(rows[0]) == ["extra", "rooms", "town", "area", "zip", "prediction", "note"]
    assert [(row["extra"], row["zip"]) for row in rows] == [("01", "01001"), ("02", "01002")], "leading zeros survive"
    assert [row["note"] for row in rows] == ["", "out of range (area: 500); missing filled in (rooms); new category (town: X)"]
    told = capsys.readouterr().err.splitlines()
    assert told[1] == "new categories   town 50 % ('X')"
    assert told[2].startswith("out of range     area 50 % (training 20")
    assert told[3].startswith("missing          rooms 50 % (training ")
    assert told[4:] == ["wrote    2 rows to out.csv"]


def test_rows_like_those_of_training_have_nothing_to_tell(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "like.csv").write_text("zip,area,rooms,town\n01001,50,2,N\n")
    predict("like.csv")
    screens = capsys.readouterr()
    assert len(screens.err.splitlines()) == 1
    assert screens.out.splitlines()[1].endswith(","), "an empty note"


def test_classes_have_a_probability_each_and_a_column_called_note_keeps_its_name(here: Path) -> None:
    (here / "visits.csv").write_text("note,visits\nfirst,3\nsecond,\n")
    assert main(["predict", "runs/shops", "visits.csv", "-o", "out.csv"]) == 0
    rows = rows_of(here / "out.csv")
    assert list(rows[0]) == ["note", "visits", "prediction", "probability_large", "probability_small", "note_"]
    assert [row["note"] for row in rows] == ["first", "second"]
    assert float(rows[0]["probability_large"]) + float(rows[0]["probability_small"]) == pytest.approx(1)
    assert rows[1]["note_"] == "missing filled in (visits)"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "parquet", "jsonl"])
def test_the_ending_of_the_output_says_how_it_is_written(suffix: str, here: Path) -> None:
    predict("new.csv", "-o", f"out.{suffix}")
    path = here / f"out.{suffix}"
    if suffix in ("parquet", "jsonl"):
        frame = pl.read_parquet(path) if suffix == "parquet" else pl.read_ndjson(path)
    else:
        frame = pl.read_csv(path, separator="\t" if suffix == "tsv" else ",", infer_schema_length=0)
    assert frame.columns == ["extra", "rooms", "town", "area", "zip", "prediction", "note"]
    assert frame["zip"].to_list() == ["01001", "01002"]
    if suffix in ("parquet", "jsonl"):
        assert frame["prediction"].dtype == pl.Float64


def test_every_kind_of_file_gives_the_same_predictions(here: Path) -> None:
    text = (here / "new.csv").read_text()
    rows = [{**row, "area": float(row["area"]), "rooms": row["rooms"] or None} for row in csv.DictReader(io.StringIO(text))]
    (here / "a.csv.gz").write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(here / "b.zip", "w") as archive:
        archive.writestr("new.csv", text)
    (here / "c.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    pl.DataFrame(rows).write_parquet(here / "d.parquet")
    (here / "e.csv").write_text(text.replace(",", ";"))
    excel = pytest.importorskip("openpyxl")
    book = excel.Workbook()
    for line in text.splitlines():
        book.active.append(line.split(","))
    book.save(here / "f.xlsx")
    model = nntrain.load("runs/rents")
    wanted = model.predict("new.csv")["rent"].values
    for name in ("a.csv.gz", "b.zip", "c.jsonl", "d.parquet", "e.csv", "f.xlsx"):
        assert model.predict(name)["rent"].values == wanted, name


def test_a_missing_number_of_a_parquet_file_is_an_empty_cell(here: Path) -> None:
    pl.DataFrame({"zip": ["01001"] * 2, "area": [50.0, 60.0], "rooms": [2.0, float("nan")], "town": ["N"] * 2}).write_parquet("in.parquet")
    predict("in.parquet", "-o", "out.csv")
    assert [row["rooms"] for row in rows_of(here / "out.csv")] == ["2.0", ""]
    predict("in.parquet", "-o", "out.parquet")
    assert pl.read_parquet(here / "out.parquet")["rooms"].to_list() == [2.0, None]


def test_a_table_with_semicolons_and_decimal_commas_is_written_like_that(here: Path) -> None:
    (here / "new.csv").write_text("zip;area;rooms;town\n01001;50,5;2;N\n01002;60,25;3;S\n")
    predict("new.csv", "-o", "out.csv")
    line = (here / "out.csv").read_text().splitlines()[1]
    assert line.startswith("01001;50,5;2;N;")
    assert "." not in line


def test_a_missing_column_is_named_with_the_nearest(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "few.csv").write_text("room,town\n2,N\n")
    assert main(["predict", "runs/rents", "few.csv"]) == 3
    told = capsys.readouterr().err
    assert "no column 'zip' in few.csv (line 1: room, town); the network reads it, and area, rooms, which are missing too" in told
    assert "--missing-columns as-missing" in told
    (here / "few.csv").write_text("zip,area,room,town\n01001,50,2,N\n")
    assert main(["predict", "runs/rents", "few.csv"]) == 3
    assert "no column 'rooms'" in (told := capsys.readouterr().err)
    assert "nearest: room" in told


def test_a_column_may_be_read_as_missing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "few.csv").write_text("zip,area,town\n01001,50,N\n")
    predict("few.csv", "--missing-columns", "as-missing", "-o", "out.csv")
    row = rows_of(here / "out.csv")[0]
    assert list(row) == ["zip", "area", "town", "prediction", "note"], "it is not made up in the output"
    assert row["note"] == "missing filled in (rooms)"
    assert "rooms 100 %" in capsys.readouterr().err
    found = nntrain.load("runs/rents").predict([{"zip": "01001", "area": 50, "town": "N", "rooms": None}])
    assert found["rent"].values[0] == pytest.approx(float(row["prediction"]))
    assert main(["predict", "runs/rents", "few.csv", "--missing-columns", "ignore"]) == 2


def test_a_column_that_may_not_be_missing_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nntrain.fit("shops.yaml", "data.fields={visits: {type: number, missing: error}}", runs="strict")
    (here / "none.csv").write_text("other\n1\n")
    assert main(["predict", "none.csv", "--runs", "strict"]) == 3
    assert "as-missing" not in capsys.readouterr().err
    assert main(["predict", "none.csv", "--runs", "strict", "--missing-columns", "as-missing"]) == 3
    assert "no column 'visits', and visits (number) can't be missing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("zip,area,rooms,town\n01001,50,2,N\n01002,big,2,N\n", "area should be a number; 1 of 2 values is not: line 3 'big'"),
        ("zip,area,rooms,town\n", "bad.csv has no rows"),
        ("", "bad.csv is empty"),
    ],
)
def test_a_file_that_can_not_be_read_is_told_with_its_line(text: str, told: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "bad.csv").write_text(text)
    assert main(["predict", "runs/rents", "bad.csv", "-o", "out.csv"]) == 3
    assert told in capsys.readouterr().err
    assert not (here / "out.csv").exists()


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("rents.csv", "rents.csv is the input"),
        ("out.xlsx", "predictions are not written as .xlsx files"),
        ("missing/out.csv", "no folder missing"),
        (".", "-o needs a file"),
    ],
)
def test_predictions_overwrite_nothing_and_go_where_they_can(
    output: str, told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (here / "rents.csv").read_bytes()
    assert main(["predict", "runs/rents", "rents.csv", "-o", output]) == 2
    assert told in capsys.readouterr().err
    assert (here / "rents.csv").read_bytes() == before


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_intervals_hold_what_they_promise_on_fresh_rows(level: float, here: Path) -> None:
    (here / "fresh.csv").write_text("\n".join(rents(4_000, 1)) + "\n")
    predict("fresh.csv", "--interval", str(level), "-o", "out.csv")
    rows = rows_of(here / "out.csv")
    held = np.mean([float(row["low"]) <= float(row["rent"]) <= float(row["high"]) for row in rows])
    # with n validation rows the coverage of one run is beta distributed around the level (Vovk 2012): 3 deviations, with those of the mean
    validation = 180
    assert held == pytest.approx(level, abs=3 * (level * (1 - level) * (1 / validation + 1 / 4_000)) ** 0.5)
    assert all(float(row["low"]) <= float(row["prediction"]) <= float(row["high"]) for row in rows[:50])


def test_intervals_are_made_of_what_the_best_state_misses_on_the_validation_rows(here: Path) -> None:
    stored = json.loads((here / "runs/rents/0001/intervals.json").read_text())["targets"]["rent"]
    assert stored["rows"] == 180
    scores = sorted(value for row in stored["values"] for value in row)
    row = {"zip": "01001", "area": 50, "town": "N", "rooms": 2}
    found = nntrain.load("runs/rents").predict([row], interval=0.9)["rent"]
    assert found.interval is not None
    assert found.interval[1][0] - found.values[0] == pytest.approx(scores[163 - 1]), "ceil(181 * 0.9) = 163"
    assert found.values[0] - found.interval[0][0] == pytest.approx(scores[163 - 1])


@pytest.mark.parametrize(
    ("run", "level", "told"),
    [
        ("shops", "0.9", "size has classes: its probabilities stand beside the prediction"),
        ("rents", "0.999", "needs 999 validation rows, and runs/rents/0001 had 180"),
        ("rents", "90", "a share between 0 and 1, got 90"),
    ],
)
def test_intervals_that_can_not_be_are_refused_with_the_reason(
    run: str, level: str, told: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "visits.csv").write_text("visits,zip,area,rooms,town\n1,01001,50,2,N\n")
    assert main(["predict", f"runs/{run}", "visits.csv", "--interval", level]) == 2
    assert told in capsys.readouterr().err


def test_without_validation_rows_there_is_no_interval(here: Path) -> None:
    run = nntrain.fit("rents.yaml", "data.split.validation=null", "training.max_epochs=1", runs="others")
    with pytest.raises(UsageError, match="had no validation rows, which tell how far off it is"):
        nntrain.load(run).predict("new.csv", interval=0.9)


def test_a_loss_with_an_interval_keeps_it_or_has_it_moved_to_what_is_asked(here: Path) -> None:
    run = nntrain.fit("rents.yaml", "loss=quantile", runs="others")
    (here / "fresh.csv").write_text("\n".join(rents(2_000, 2)) + "\n")
    truth = np.array([float(row["rent"]) for row in rows_of(here / "fresh.csv")])
    model = nntrain.load(run)
    own, asked = (model.predict("fresh.csv", interval=level)["rent"].interval for level in (None, 0.8))
    assert own is not None
    assert asked is not None
    moved = np.array(own[0]) - np.array(asked[0])
    assert moved == pytest.approx(np.array(asked[1]) - np.array(own[1]), abs=1e-3) or (moved < 0).any()
    held = ((np.array(asked[0]) <= truth) & (truth <= np.array(asked[1]))).mean()
    assert held == pytest.approx(0.8, abs=3 * (0.16 * (1 / 180 + 1 / 2_000)) ** 0.5)


def test_changed_intervals_are_refused(here: Path) -> None:
    path = here / "runs/rents/0001/intervals.json"
    whole = path.read_text()
    model = nntrain.load("runs/rents")
    path.write_text(whole.replace('"rows": 180', '"rows": 18'))
    with pytest.raises(CheckpointError, match=r"intervals\.json: damaged"):
        model.predict("new.csv", interval=0.9)
    path.write_text("[]")
    with pytest.raises(CheckpointError, match="damaged"):
        model.predict("new.csv", interval=0.9)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"has no intervals\.json"):
        model.predict("new.csv", interval=0.9)
    path.write_text(whole)
    nntrain.fit(None, "training.max_epochs=9", "training.checkpoint.keep=9", resume="runs/rents/0001")
    assert nntrain.load("runs/rents").predict("new.csv", interval=0.9)["rent"].interval is not None


def test_eval_on_new_rows_tells_how_they_differ(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = rents(50, 3)
    (here / "later.csv").write_text("\n".join([lines[0], *(line.replace(",N,", ",Q,") for line in lines[1:])]) + "\n")
    assert main(["eval", "runs/rents", "--data", "later.csv", "--json"]) == 0
    screens = capsys.readouterr()
    assert screens.err.startswith("new categories   town ")
    assert "('Q')" in screens.err
    assert json.loads(screens.out)["rows"] == 50


def test_checkpoints_of_before_are_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.data.fitted import FittedFields

    state = FittedFields.state

    def before(fields: FittedFields) -> list[dict[str, Any]]:
        return [{name: value for name, value in field.items() if name != "shown"} for field in state(fields)]

    monkeypatch.setattr(FittedFields, "state", before)
    run = nntrain.fit("rents.yaml", "training.max_epochs=1", runs="before")
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="not what nntrain writes"):
        nntrain.load(here / run.run.path)


def test_a_folder_of_images_is_predicted_image_by_image(tmp_path: Path) -> None:
    pictures = pytest.importorskip("PIL.Image")
    for name, value in (("dark", 20), ("light", 230)):
        for number in range(12):
            path = tmp_path / f"photos/{name}/{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pictures.fromarray(np.full((8, 8), value + number % 5, np.uint8)).save(path)
    (tmp_path / "photos.yaml").write_text(
        "data: {source: {type: image_folder, path: photos}, split: {validation: null, test: null}}\n"
        "architecture: {type: mlp, hidden: [8], activation: tanh}\noptimizer: {type: adamw, lr: 0.05}\n"
        "training: {max_epochs: 25, checkpoint: {every_epochs: 100}}\n"
    )
    nntrain.fit("photos.yaml")
    (tmp_path / "new").mkdir()
    for name in ("dark/3.png", "light/4.png"):
        shutil.copy(tmp_path / "photos" / name, tmp_path / "new" / name.replace("/", "_"))
    assert main(["predict", "new", "-o", "out.csv"]) == 0
    found = {row["image"]: row["prediction"] for row in rows_of(tmp_path / "out.csv")}
    assert found == {"dark_3.png": "dark", "light_4.png": "light"}
    table = "file,kind\n" + "".join(f"photos/{name}/{n}.png,{name}\n" for n in range(12) for name in ("dark", "light"))
    (tmp_path / "table.csv").write_text(table)
    run = nntrain.fit("photos.yaml", "data={source: table.csv, target: kind, fields: {file: image}, split: {validation: null, test: null}}")
    assert nntrain.load(run).predict("new")["kind"].values == ("dark", "light")


def test_a_folder_is_no_table(here: Path) -> None:
    (here / "new").mkdir()
    with pytest.raises(DataError):
        nntrain.load("runs/rents").predict("new")
