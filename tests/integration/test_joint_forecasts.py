"""Several columns forecast together: better than repeating the season, the same after a stop, and told as the rows that follow."""

from __future__ import annotations

import csv
import json
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
from nntrain.data.continuing import continued, written
from nntrain.errors import ConfigError

BOTH = {"type": "number", "role": ["input", "target"]}
HOURS = 400
SHORT = {
    "source": "load.csv",
    "fields": {"hour": {"role": "time"}, "*": BOTH},
    "window": {"past": 36, "horizon": 6},
    "split": {"validation": 50, "test": 10},
}


def hour(row: int) -> str:
    return f"2024-01-{1 + row // 24:02}T{row % 24:02}:00"


def write(path: str = "load.csv", rows: int = HOURS) -> list[tuple[float, float]]:
    """Two columns with a season of 12 rows, which grow; of sizes that have nothing in common."""
    rng = random.Random(0)
    values = [
        (
            round(20 + 5 * math.sin(math.pi * row / 6) + 0.02 * row + rng.gauss(0, 0.1), 4),
            round(5000 + 900 * math.cos(math.pi * row / 6) + 3 * row, 2),
        )
        for row in range(rows)
    ]
    lines = [f"{hour(row)},{a},{b}" for row, (a, b) in enumerate(values)]
    Path(path).write_text("\n".join(["hour,a,b", *lines]) + "\n", encoding="utf-8")
    return values


def config(**changes: Any) -> dict[str, Any]:
    window = {"past": 36, "horizon": 6, "past_from": "earlier", "season": 12}
    data = {"source": "load.csv", "fields": {"hour": {"role": "time"}, "*": BOTH}, "window": window, "batch_size": 32}
    return {
        "name": "load",
        "data": {**data, "split": {"validation": 40, "test": 40}},
        "architecture": {"dlinear": {"kernel_size": 13, "reversible_norm": True}},
        "optimizer": {"adam": 0.02},
        "training": {"max_epochs": 6},
        **changes,
    }


def test_a_network_beats_the_season_and_predicts_what_follows(capsys: pytest.CaptureFixture[str]) -> None:
    values = write()
    result = nntrain.fit(config())
    test, naive = result.summary["test"], result.summary["baselines"]["seasonal_naive"]
    assert test["mse_scaled"] < 0.7 * naive["test.mse_scaled"]
    assert test["mase"] < 0.7 * naive["test.mase"]
    assert nntrain.evaluate(result.run).rows == 40 - 6 + 1  # every row of the split is predicted
    # the season repeated: a grows by 0.02 a row, b by 3, so it is 12 times that too low
    assert naive["test.mae_scaled"] == pytest.approx(result.summary["baselines"]["seasonal_naive"]["validation.mae_scaled"], rel=0.1)

    assert predict([result.run.path.as_posix(), "load.csv"], Path("out.csv"), runs=None) == 0
    with Path("out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["hour"] for row in rows] == [hour(HOURS + step) for step in range(6)]
    later = write("longer.csv", HOURS + 6)[HOURS:]
    assert later[0] == pytest.approx(values[-12], rel=0.5)
    assert [float(row["a"]) for row in rows] == pytest.approx([a for a, _ in later], abs=1)
    assert [float(row["b"]) for row in rows] == pytest.approx([b for _, b in later], abs=150)
    found = nntrain.load(result.run).predict("load.csv")
    assert found.rows == tuple(range(35, HOURS))
    assert found["forecast"].values[-1][0] == pytest.approx([float(rows[0]["a"]), float(rows[0]["b"])])
    assert capsys.readouterr().out == ""


def test_a_run_is_resumed_to_the_byte_and_its_saved_config_means_the_same() -> None:
    write()
    whole = nntrain.fit(config(training={"max_epochs": 3}))
    part = nntrain.fit(config(training={"max_epochs": 1}))
    again = nntrain.fit(None, "training.max_epochs=3", resume=part.run.name)
    histories = [(run.path / "history.jsonl").read_text(encoding="utf-8") for run in (whole.run, again.run)]
    assert histories[0] == histories[1]
    resolved = (whole.run.path / "resolved.yaml").read_text(encoding="utf-8")
    Path("again.yaml").write_text(resolved, encoding="utf-8")
    saved = nntrain.fit("again.yaml")
    assert (saved.run.path / "resolved.yaml").read_text(encoding="utf-8") == resolved
    assert (saved.run.path / "history.jsonl").read_text(encoding="utf-8") == histories[0]
    told = show([whole.run.path.as_posix()], Look.HEADER, runs=None, as_json=False)
    assert "forecasting of forecast; judged by validation.mse_scaled" in told
    assert "forecast series [6, 2] target: 6 rows ahead" in " ".join(told.split())
    assert nntrain.evaluate(whole.run).metrics["mase"] == pytest.approx(whole.summary["test"]["mase"])


@pytest.mark.parametrize(
    "architecture",
    [
        "dlinear",
        {"layers": [{"lstm": 6}, {"pool": "last"}]},
        {"dlinear": {"kernel_size": 13, "reversible_norm": True}},
        {"patchtst": {"dim": 8, "num_heads": 2, "dim_feedforward": 16, "num_layers": 1, "patch_size": 12, "stride": 6}},
    ],
)
def test_eight_windows_are_learned_by_heart(architecture: Any) -> None:
    write(rows=36 + 6 + 7)
    tree = config(architecture=architecture, optimizer={"adam": 0.02}, training={"max_epochs": 150}, metrics=["mse_scaled"])
    tree["data"] |= {"split": {"validation": None, "test": None}, "window": {"past": 36, "horizon": 6}}
    assert nntrain.fit(tree).summary["best"]["train.mse_scaled"] < 0.02


@pytest.mark.parametrize("loss", [{"quantile": [0.1, 0.5, 0.9]}, "gaussian_nll"])
def test_intervals_of_every_column(loss: Any) -> None:
    write()
    tree = config(loss=loss, architecture={"dlinear": 13}, training={"max_epochs": 3}, optimizer={"adam": 0.005})
    result = nntrain.fit(tree)
    assert predict([result.run.path.as_posix(), "load.csv"], Path("out.csv"), runs=None) == 0
    with Path("out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["hour", "a", "a_low", "a_high", "b", "b_low", "b_high"]
    assert all(float(row["b_low"]) <= float(row["b"]) <= float(row["b_high"]) for row in rows)


def test_series_by_group_are_continued_each() -> None:
    lines = [f"{shop},{day},{math.sin(day / 2) + 10 * (shop == 'b'):.4f}" for day in range(60) for shop in "ab"]
    Path("shops.csv").write_text("\n".join(["shop,day,sold", *lines]) + "\n", encoding="utf-8")
    fields = {"sold": BOTH, "shop": {"role": "group"}, "day": {"type": "number", "role": "time"}}
    data = {"source": "shops.csv", "fields": fields, "window": {"past": 8, "horizon": 2, "past_from": "earlier"}, "batch_size": 16}
    run = nntrain.fit({"name": "shops", "data": data, "architecture": "dlinear", "training": {"max_epochs": 1}}).run
    assert predict([run.path.as_posix(), "shops.csv"], Path("out.csv"), runs=None) == 0
    with Path("out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["shop"], row["day"]) for row in rows] == [("a", "60"), ("a", "61"), ("b", "60"), ("b", "61")]


def test_a_config_of_several_columns_is_smoke_run(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    Path("load.yaml").write_text(
        """
data:
  source: load.csv
  fields: {hour: {role: time}, "*": {type: number, role: [input, target]}}
  window: {past: 36, horizon: 6, season: 12}
  split: {validation: 60, test: 60}
architecture: {type: patchtst, patch_size: 6, stride: 6, num_layers: 1, dim: 8, num_heads: 2, dim_feedforward: 8}
training: {max_epochs: 1}
""",
        encoding="utf-8",
    )
    assert smoke.run(Path("load.yaml"), (), Options(as_json=True)) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"task": "classification"}, "classification needs a target of type"),
        ({"data": SHORT}, r"data.split.test    has 10 rows, and a window takes 42 \(past 36"),
        ({"loss": "gaussian_nll"}, "restores every number to the level of its series"),
        ({"metrics": ["accuracy"]}, "accuracy does not fit the target forecast"),
        ({"architecture": {"patchtst": {"patch_size": 16, "stride": 7}}}, "are left over"),
    ],
)
def test_what_does_not_fit_is_told(changes: dict[str, Any], found: str) -> None:
    write()
    with pytest.raises(ConfigError, match=found):
        nntrain.fit(config(**changes))


def test_a_forecast_needs_a_window() -> None:
    write()
    with pytest.raises(ConfigError, match="forecasting needs windows"):
        nntrain.fit(
            {"name": "x", "data": {"source": "load.csv", "target": "a", "fields": {"hour": {"role": "ignore"}}}, "task": "forecasting"}
        )


@pytest.mark.parametrize(
    ("times", "date_format", "expected"),
    [
        ([0.0, 3600.0, 7200.0], "%Y-%m-%d %H:%M:%S", ["1970-01-01 03:00:00", "1970-01-01 05:00:00"]),
        ([10.0, 10.5, 11.0], None, ["11.5", "12.5"]),
        ([0.0, 86400.0 * 31, 86400.0 * 59], "%Y-%m", ["1970-04", "1970-06"]),  # January, February, March
        ([86400.0 * 304, 86400.0 * 334], "%d.%m.%Y", ["01.01.1971", "01.03.1971"]),  # November, December
        ([0.0, 3600.0, 7300.0], "%Y-%m-%d %H:%M:%S", None),
        ([1.0, 1.0], None, None),
        ([1.0], None, None),
    ],
)
def test_times_are_continued_as_the_file_writes_them(times: list[float], date_format: str | None, expected: list[str] | None) -> None:
    found = continued(times, [1, 3], are_dates=date_format is not None)
    assert (None if found is None else [written(time, date_format) for time in found]) == expected


@pytest.mark.parametrize("past", [36, 6])
@pytest.mark.parametrize("family", ["lstm", "tcn", "gpt"])
def test_networks_of_steps_forecast_from_all_of_them(family: str, past: int) -> None:
    """Rows ahead are no steps of the past, not even where there are as many of them."""
    write()
    tree = config(architecture=family)
    tree["data"]["window"] |= {"past": past, "season": 5}
    Path("load.yaml").write_text(json.dumps(tree), encoding="utf-8")
    told = " ".join(show(["load.yaml"], Look.HEADER, runs=None, as_json=False).split())
    assert "pool last" in told
    assert "[6, 2]" in told.split("head", 1)[1]
