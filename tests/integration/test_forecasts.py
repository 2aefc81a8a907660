"""Series predicted through windows: better than the last value, on rows that training never saw, the same after a stop."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.commands.beginning.check import Look
from nntrain.commands.beginning.show import run as show
from nntrain.commands.predicting.predict import run as predict
from nntrain.commands.preparing.jobs import Options
from nntrain.commands.proofs import smoke
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError

ROWS = 600
WINDOW = {"past": 24, "horizon": 3, "gap": 1, "step": 2}
AHEAD = WINDOW["gap"] + WINDOW["horizon"]
SERIES = {"type": "number", "role": ["input", "target"]}


def write_sine(path: str = "sine.csv", rows: int = ROWS) -> list[float]:
    rng = random.Random(0)
    values = [round(20 + 5 * math.sin(row / 4) + rng.gauss(0, 0.1), 4) for row in range(rows)]
    lines = [f"{row},{values[row]}" for row in range(rows)]
    Path(path).write_text("\n".join(["hour,load", *lines]) + "\n", encoding="utf-8")
    return values


def config(**changes: Any) -> dict[str, Any]:
    data = {"source": "sine.csv", "fields": {"load": SERIES, "hour": {"role": "time"}}, "window": WINDOW, "batch_size": 32}
    layers = {"layers": ["flatten", {"linear": 16}, "relu"]}
    return {"name": "sine", "data": data, "architecture": layers, "optimizer": {"adam": 0.02}, "training": {"max_epochs": 8}, **changes}


def test_a_network_beats_the_last_value_on_rows_that_training_never_saw(capsys: pytest.CaptureFixture[str]) -> None:
    values = write_sine()
    result = nntrain.fit(config())
    parts = prepare(DataSettings.parse(config()["data"]), Path(), seed=0).splits
    test = [int(row) for row in parts["test"].rows]
    errors = [values[row + ahead] - values[row] for row in test for ahead in range(2, 5)]
    persistence = math.sqrt(sum(error**2 for error in errors) / len(errors))
    assert result.summary["test"]["rmse"] < 0.3 * persistence
    assert result.summary["test"]["rmse"] < 0.3 * result.summary["baseline"]["test.rmse"]

    read = {part: {int(row) + step for row in data.rows for step in range(-23, AHEAD + 1)} for part, data in parts.items()}
    assert not read["train"] & (read["validation"] | read["test"])
    assert not read["validation"] & read["test"]
    assert nntrain.evaluate(result.run).rows == len(test)

    run = result.run
    write_sine("new.csv", 40)
    assert nntrain.evaluate(run, data="new.csv").rows == 40 - 23 - AHEAD
    assert predict([run.path.as_posix(), "new.csv"], Path("out.csv"), runs=None) == 0
    with Path("out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["hour"] for row in rows] == ["41", "42", "43"]  # one row after the last is the gap
    last = [float(row["load"]) for row in rows]
    assert last == pytest.approx(values[41:44], abs=1.0)
    found = nntrain.load(run).predict("new.csv")
    assert found.rows == tuple(range(23, 40))
    assert found["load"].values[-1] == pytest.approx(last)
    assert capsys.readouterr().out == ""


def test_a_run_is_resumed_to_the_byte_and_its_saved_config_means_the_same() -> None:
    write_sine()
    whole = nntrain.fit(config(regularization={"noise": 0.05}, training={"max_epochs": 4}))
    part = nntrain.fit(config(regularization={"noise": 0.05}, training={"max_epochs": 2}))
    again = nntrain.fit(None, "training.max_epochs=4", resume=part.run.name)
    histories = [(run.path / "history.jsonl").read_text(encoding="utf-8") for run in (whole.run, again.run)]
    assert histories[0] == histories[1]
    resolved = (whole.run.path / "resolved.yaml").read_text(encoding="utf-8")
    Path("again.yaml").write_text(resolved, encoding="utf-8")
    saved = nntrain.fit("again.yaml")
    assert (saved.run.path / "resolved.yaml").read_text(encoding="utf-8") == resolved
    assert (saved.run.path / "history.jsonl").read_text(encoding="utf-8") == histories[0]
    told = show([whole.run.path.as_posix()], Look.HEADER, runs=None, as_json=False)
    assert "window     series     [12, 1]  the last 24 rows, one every 2" in told
    assert "load       number     [3]      target: 3 rows ahead after 1" in told


def test_groups_are_smoke_run(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        f"{shop},2024-01-01T{hour:02}:{minute:02},{math.sin(hour + minute / 60):.4f}"
        for hour in range(20)
        for minute in range(0, 60, 10)
        for shop in "ab"
    ]
    Path("shops.csv").write_text("\n".join(["shop,when,sold", *rows]) + "\n", encoding="utf-8")
    Path("shops.yaml").write_text(
        """
data:
  source: shops.csv
  fields: {sold: {type: number, role: [input, target]}, shop: {role: group}, when: {role: time}}
  window: 8
  batch_size: 16
architecture: {layers: [{conv1d: {out_channels: 4, kernel_size: 3}}, relu, flatten]}
training: {max_epochs: 1}
""",
        encoding="utf-8",
    )
    assert smoke.run(Path("shops.yaml"), (), Options(as_json=True)) == 0, capsys.readouterr().out


def test_a_target_that_is_no_number_is_told_with_everything_else() -> None:
    Path("shops.csv").write_text("shop,sold\n" + "".join(f"{'abc'[row % 3]},{row}.5\n" for row in range(60)), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"is a category, and with data\.window targets are number columns"):
        nntrain.fit({"name": "shops", "data": {"source": "shops.csv", "target": "shop", "window": 4}})


def test_folds_in_time() -> None:
    write_sine()
    result = nntrain.fit(
        config(
            data={**config()["data"], "split": {"folds": 3, "fold": 2, "validation": 50}}, training={"max_epochs": 1}, baselines=["linear"]
        )
    )
    assert nntrain.evaluate(result.run).rows == 150 - 23 - AHEAD


def test_the_load_of_a_transformer(shared: Path) -> None:
    """A day ahead of a load of ETTh1, from the two days before: a linear map finds the day's course, which the last value lacks."""
    path = shared / "data" / "etth1" / "ETTh1.csv"
    fields: dict[str, Any] = {"HUFL": SERIES, "date": {"role": "time"}, "*": {"role": "ignore"}}
    data = {
        "source": path.as_posix(),
        "fields": fields,
        "window": {"past": 48, "horizon": 24, "stride": 4},
        "split": {"validation": 2880, "test": 2880},
    }
    training = {"max_epochs": 6}
    result = nntrain.fit(
        {
            "name": "etth1",
            "data": data,
            "architecture": {"layers": ["flatten"]},
            "optimizer": {"adam": 0.01},
            "scheduler": "cosine",
            "training": training,
        }
    )
    with path.open(encoding="utf-8") as file:
        series = [float(row["HUFL"]) for row in csv.DictReader(file)]
    test = [int(row) for row in prepare(DataSettings.parse(data), Path(), seed=0).splits["test"].rows]
    assert len(test) == (2880 - 48 - 24) // 4 + 1
    errors = [series[row + ahead] - series[row] for row in test for ahead in range(1, 25)]
    assert result.summary["test"]["rmse"] < 0.7 * math.sqrt(sum(error**2 for error in errors) / len(errors))
