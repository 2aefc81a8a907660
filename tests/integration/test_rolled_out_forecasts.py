"""Forecasts that read what is known beforehand, and forecasts beyond the horizon: against a loop by hand, and the same everywhere."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.commands.predicting.predict import Wanted
from nntrain.commands.predicting.predict import run as predict
from nntrain.commands.preparing.jobs import Options
from nntrain.commands.proofs import smoke
from nntrain.errors import ConfigError, DataError, UsageError

BOTH = {"type": "number", "role": ["input", "target"]}
ROWS = 300
WINDOW = {"past": 24, "horizon": 6}


def when(row: int) -> str:
    return f"2024-01-{1 + row // 24:02}T{row % 24:02}:00"


def write(path: str = "shop.csv", rows: int = ROWS, sold: int | None = None) -> list[tuple[float, int]]:
    """What is sold by the hour, and more on offer, which comes and goes as it likes; without it from some row on."""
    rng = random.Random(0)
    offers = [int(rng.random() < 0.3) for _ in range(rows)]
    values = [(round(20 + 3 * math.sin(math.pi * row / 12) + 8 * offer + rng.gauss(0, 0.05), 4), offer) for row, offer in enumerate(offers)]
    lines = [f"{when(row)},{'' if sold is not None and row >= sold else y},{offer}" for row, (y, offer) in enumerate(values)]
    Path(path).write_text("\n".join(["when,sold,offer", *lines]) + "\n", encoding="utf-8")
    return values


def config(known: list[str] | None, **fields: Any) -> dict[str, Any]:
    window = WINDOW if known is None else {**WINDOW, "known": known}
    data = {"source": "shop.csv", "fields": {"when": {"role": "time"}, "sold": BOTH, **fields}, "window": window, "batch_size": 32}
    past = {"from": "window", "layers": ["flatten", {"linear": 6}]}
    ahead = {"from": "known", "layers": [{"linear": 8}, "relu", {"linear": 1}, "flatten"]}
    nodes = {"past": past, "ahead": ahead, "both": {"add": ["past", "ahead"]}}
    return {
        "name": "shop",
        "data": {**data, "split": {"validation": 40, "test": 40}},
        "architecture": {"layers": ["flatten"]} if known is None else {"nodes": nodes, "heads": {"sold": {"from": "both", "layers": []}}},
        "optimizer": {"adam": 0.02},
        "training": {"max_epochs": 15},
    }


def rows_of(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_what_is_known_beforehand_is_read_and_future_rows_are_predicted(capsys: pytest.CaptureFixture[str]) -> None:
    values = write()
    run = nntrain.fit(config(["when", "offer"])).run
    test, naive = nntrain.evaluate(run).metrics, nntrain.evaluate(run).baseline
    assert float(test["rmse"] or 9) < 0.25 * float(naive["rmse"] or 0)  # nothing of the past says when there are offers

    write("future.csv", ROWS, ROWS - 20)
    assert predict([run.path.as_posix(), "future.csv"], Path("out.csv"), runs=None) == 0
    rows = rows_of("out.csv")
    assert [row["when"] for row in rows] == [when(ROWS - 20 + step) for step in range(6)]
    assert [float(row["sold"]) for row in rows] == pytest.approx([y for y, _ in values[ROWS - 20 : ROWS - 14]], abs=2.5)
    model = nntrain.load(run)
    found = model.predict("future.csv")
    assert found.rows == tuple(range(23, ROWS - 20))  # the last row that was seen is the last past
    assert found["sold"].values[-1] == pytest.approx([float(row["sold"]) for row in rows])
    far = model.forecast("future.csv", steps=18)
    assert (far["sold"][:6], far["when"][17]) == (pytest.approx([float(row["sold"]) for row in rows]), when(ROWS - 3))
    with pytest.raises(DataError, match="offer are known beforehand, of 24 rows ahead: 20 rows with no sold come after line 281"):
        model.forecast("future.csv", steps=19)
    with pytest.raises(DataError, match="add rows to the file in which offer is written and the rest is empty"):
        model.forecast("shop.csv")
    assert capsys.readouterr().out == ""


def test_a_calendar_goes_on_by_itself_and_its_config_means_the_same() -> None:
    write()
    result = nntrain.fit({**config(["when"], offer={"role": "ignore"}), "training": {"max_epochs": 4}})
    found = nntrain.load(result.run).forecast("shop.csv", steps=14)
    assert found["when"] == [when(ROWS + step) for step in range(14)]
    assert all(5 < value < 40 for value in found["sold"])
    resolved = (result.run.path / "resolved.yaml").read_text(encoding="utf-8")
    Path("again.yaml").write_text(resolved, encoding="utf-8")
    again = nntrain.fit("again.yaml").run
    assert (again.path / "resolved.yaml").read_text(encoding="utf-8") == resolved
    histories = [(run.path / "history.jsonl").read_text(encoding="utf-8") for run in (result.run, again)]
    assert histories[0] == histories[1]


def test_forecasts_are_fed_back_as_a_loop_by_hand_does() -> None:
    write()
    run = nntrain.fit(config(None, offer={"role": "ignore"})).run
    model = nntrain.load(run)
    lines = Path("shop.csv").read_text(encoding="utf-8").splitlines()
    by_hand: list[float] = []
    for _ in range(3):
        rows = [f"{when(ROWS + step)},{value!r},0" for step, value in enumerate(by_hand)]
        Path("fed.csv").write_text("\n".join([*lines, *rows]) + "\n", encoding="utf-8")
        by_hand += model.predict("fed.csv")["sold"].values[-1]
    assert model.forecast("shop.csv", steps=16)["sold"] == pytest.approx(by_hand[:16], rel=1e-5)
    for steps in (1, 4, 6):
        assert model.forecast("shop.csv", steps=steps)["sold"] == model.forecast("shop.csv")["sold"][:steps]
    assert predict([run.path.as_posix(), "shop.csv"], Path("out.csv"), Wanted(steps=16), runs=None) == 0
    assert [float(row["sold"]) for row in rows_of("out.csv")] == model.forecast("shop.csv", steps=16)["sold"]
    with pytest.raises(UsageError, match="at least 1 row is forecast"):
        model.forecast("shop.csv", steps=0)


def test_several_series_are_fed_back_each_by_itself() -> None:
    rows = [(shop, day) for day in range(80) for shop in "ab"]
    lines = [f"{shop},{day},{math.sin(day / 3) * (1 if shop == 'a' else 5) + day / 50:.5f},{day % 7}" for shop, day in rows]
    Path("shops.csv").write_text("\n".join(["shop,day,sold,weekday", *lines]) + "\n", encoding="utf-8")
    fields = {"shop": {"role": "group"}, "day": {"role": "time"}, "sold": BOTH, "weekday": BOTH}
    data = {
        "source": "shops.csv",
        "fields": fields,
        "window": {"past": 10, "horizon": 2, "stride": 3},
        "split": {"validation": None, "test": None},
    }
    made = {"data": data, "architecture": {"layers": ["flatten"]}, "training": {"max_epochs": 2}}
    model = nntrain.load(nntrain.fit({"name": "shops", **made}).run)
    found = model.forecast("shops.csv", steps=5)
    assert (found["shop"], found["day"]) == (["a"] * 5 + ["b"] * 5, ["80", "81", "82", "83", "84"] * 2)
    alone = ["shop,day,sold,weekday", *(line for line in lines if line.startswith("b"))]
    Path("b.csv").write_text("\n".join(alone) + "\n", encoding="utf-8")
    one = model.forecast("b.csv", steps=5)
    assert {name: cells[5:] for name, cells in found.items()} == {
        name: cells if name in ("shop", "day") else pytest.approx(cells, rel=1e-5) for name, cells in one.items()
    }


def test_a_forecast_of_forecasts_needs_all_that_the_network_reads() -> None:
    write()
    model = nntrain.load(nntrain.fit({**config(None, offer="number"), "training": {"max_epochs": 1}}).run)
    assert len(model.forecast("shop.csv", steps=6)["sold"]) == 6
    with pytest.raises(UsageError, match="offer, which the network reads, is not forecast"):
        model.forecast("shop.csv", steps=7)
    tree = config(None, offer={"role": "ignore"})
    tree["data"]["window"] = {**WINDOW, "gap": 2}
    gapped = nntrain.load(nntrain.fit({**tree, "training": {"max_epochs": 1}}).run)
    assert gapped.forecast("shop.csv", steps=2)["when"] == [when(ROWS + 2), when(ROWS + 3)]
    with pytest.raises(UsageError, match="of the 2 rows of the gap there is none"):
        gapped.forecast("shop.csv", steps=7)


def test_limits_hold_within_the_horizon_alone(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    run = nntrain.fit({**config(None, offer={"role": "ignore"}), "loss": "gaussian_nll", "training": {"max_epochs": 1}}).run
    assert list(nntrain.load(run).forecast("shop.csv")) == ["when", "sold", "sold_low", "sold_high"]
    assert predict([run.path.as_posix(), "shop.csv"], None, Wanted(steps=8), runs=None) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("when,sold\n")
    assert "they say nothing of forecasts that are made from forecasts" in shown.err


def test_rows_that_no_forecast_follows() -> None:
    Path("t.csv").write_text("x,y\n" + "".join(f"{row},{2 * row}.5\n" for row in range(40)), encoding="utf-8")
    run = nntrain.fit({"name": "t", "data": {"source": "t.csv", "target": "y"}, "training": {"max_epochs": 1}}).run
    with pytest.raises(UsageError, match="forecasts no rows that follow the data"):
        nntrain.load(run).forecast("t.csv")
    with pytest.raises(UsageError, match=r"--steps: .* forecasts no rows"):
        predict([run.path.as_posix(), "t.csv"], None, Wanted(steps=2), runs=None)


@pytest.mark.parametrize("architecture", ["dlinear", {"lstm": {"hidden_size": 4, "pool": "last"}}, {"layers": ["flatten"]}])
def test_a_plain_network_over_several_inputs_is_pointed_to_nodes(architecture: Any) -> None:
    write()
    tree = {**config(["when", "offer"]), "architecture": architecture}
    with pytest.raises(ConfigError, match=r"gets a sequence \[24, 1\] \(window\) among several fields[^\0]*nodes: "):
        nntrain.fit(tree)


def test_without_an_architecture_each_input_has_a_network() -> None:
    write()
    result = nntrain.fit({**{name: value for name, value in config(["when", "offer"]).items() if name != "architecture"}, "name": "own"})
    resolved = (result.run.path / "resolved.yaml").read_text(encoding="utf-8")
    assert "window_features" in resolved
    assert "known_features" in resolved


@pytest.mark.slow
def test_known_inputs_are_smoke_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text(
        """
data:
  source: shop.csv
  fields: {when: {role: time}, sold: {type: number, role: [input, target]}, offer: boolean}
  window: {past: 24, horizon: 6, known: [when, offer]}
architecture:
  nodes:
    both: {concat: [window, known_past]}
    past: {from: both, layers: [lstm: 8, pool: last]}
    ahead: {from: known, layers: [flatten, linear: 8, relu]}
    joined: {concat: [past, ahead]}
training: {max_epochs: 1}
""",
        encoding="utf-8",
    )
    for fakes in (True, False):
        if not fakes:
            write()
        assert smoke.run(Path("shop.yaml"), (), Options(as_json=True), fake_data=fakes) == 0, capsys.readouterr().out


def test_what_is_remembered_is_carried_through_forecasts_of_forecasts() -> None:
    values = [round(10 + 4 * math.sin(row / 3) + row % 5, 3) for row in range(96)]
    tree: dict[str, Any] = {
        "name": "carried",
        "data": {
            "source": "sales.csv",
            "fields": {"sold": BOTH},
            "window": {"past": 8, "horizon": 2, "stride": 8},
            "batch_size": 2,
            "batch": {"carry_state": True},
            "split": {"validation": None, "test": None},
        },
        "architecture": {"layers": [{"lstm": 4}, {"pool": "last"}]},
        "training": {"max_epochs": 2, "threads": 1},
    }
    Path("sales.csv").write_text("\n".join(["sold", *map(str, values)]) + "\n", encoding="utf-8")
    model = nntrain.load(nntrain.fit(tree).run)
    by_hand: list[float] = []
    for _ in range(3):
        by_hand += model.forecast({"sold": [*values, *by_hand]})["sold"]
    assert model.forecast("sales.csv", steps=5)["sold"] == pytest.approx(by_hand[:5], rel=1e-5)
    late = model.forecast({"sold": values[-8:]})["sold"]
    assert late != pytest.approx(by_hand[:2], rel=1e-5), "without the rows before nothing is remembered of them"
