"""Predictions that are held within the range of the training targets: measured, predicted and with their intervals."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from forging import part_of

import nntrain
from nntrain.cli import main
from nntrain.data.fitted_target import FittedTarget
from nntrain.errors import ConfigError
from nntrain.specs import Spec

PARTS = ["train", "train", "train", "validation", "test"]
FAR = [{"a": -1e4, "b": 0.0}, {"a": 1e4, "b": 0.0}, {"a": 0.5, "b": 0.5}]


def value(a: float, b: float) -> float:
    return round(500 + 30 * a - 10 * b, 3)


@pytest.fixture
def ends(tmp_path: Path) -> tuple[float, float]:
    """A table of two numbers and two values, with values far off in the validation rows; gives the ends of the training rows."""
    generator = torch.Generator().manual_seed(0)
    rows = cast("list[list[float]]", torch.rand(300, 2, generator=generator).tolist())
    lines, training = ["a,b,part,y,z"], list[float]()
    for number, (a, b) in enumerate(rows):
        part = PARTS[number % len(PARTS)]
        y = value(a, b) if part == "train" else value(10 * a - 5, b)
        lines.append(f"{a if part == 'train' else 10 * a - 5:.6f},{b:.6f},{part},{y},{-y}")
        training += [y] if part == "train" else []
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    return min(training), max(training)


def config(**changes: Any) -> dict[str, Any]:
    return {
        "name": "held",
        "data": {"source": "rows.csv", "target": "y", "split": {"column": "part"}, "batch_size": 32, "fields": {"z": {"role": "ignore"}}},
        "architecture": {"type": "mlp", "hidden": [8]},
        "optimizer": {"type": "adamw", "lr": 0.01},
        "training": {"max_epochs": 15, "threads": 1},
        "task": {"type": "regression", "clamp": True},
        **changes,
    }


def rmse_of(run: Path) -> float:
    """Of the predictions for the rows of validation, recomputed from those."""
    with Path("rows.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "validation"]
    found = cast(
        "list[float]", nntrain.load(run).predict([{"a": float(row["a"]), "b": float(row["b"])} for row in rows]).columns()["prediction"]
    )
    return (sum((float(row["y"]) - value) ** 2 for row, value in zip(rows, found, strict=True)) / len(rows)) ** 0.5


def test_rows_far_off_get_the_ends_of_the_training_rows_wherever_they_are_told(ends: tuple[float, float]) -> None:
    result = nntrain.fit(config())
    low, high = cast("list[float]", nntrain.load(result.run).predict(FAR).columns()["prediction"])[:2]
    assert (low, high) == ends
    assert result.summary["best"]["validation.rmse"] == pytest.approx(rmse_of(result.run.path), rel=1e-5)
    measured = nntrain.evaluate(result.run, split="validation").metrics["rmse"]
    assert measured == pytest.approx(rmse_of(result.run.path), rel=1e-5)
    free = nntrain.fit(config(task="regression"))
    below, above = cast("list[float]", nntrain.load(free.run).predict(FAR).columns()["prediction"])[:2]
    assert below < ends[0]
    assert above > ends[1]
    assert free.summary["best"]["validation.rmse"] < result.summary["best"]["validation.rmse"]


def test_the_range_is_kept_where_it_is_asked_for_alone_and_what_is_trained_is_the_same(ends: tuple[float, float]) -> None:
    held, free = nntrain.fit(config(), "training.max_epochs=1"), nntrain.fit(config(task="regression"), "training.max_epochs=1")
    learned = [next(field["learned"] for field in fields_of(run.run.path) if field["role"] == "target") for run in (held, free)]
    assert learned[0].keys() - learned[1].keys() == {"low", "high"}
    assert held.summary["last"]["train.loss"] == free.summary["last"]["train.loss"]


def fields_of(run: Path) -> list[dict[str, Any]]:
    pointer = (run / "checkpoints" / "last").read_text().strip()
    return part_of(run / "checkpoints" / pointer, "fields")


@pytest.mark.parametrize("loss", ["mse", {"quantile": [0.1, 0.5, 0.9]}])
def test_intervals_are_held_too(loss: Any, ends: tuple[float, float]) -> None:
    result = nntrain.fit(config(loss=loss), "optimizer.lr=0.05")
    columns = nntrain.load(result.run).predict(FAR, interval=0.5).columns()
    for name in ("low", "high", "prediction"):
        found = cast("list[float]", columns[name])
        assert all(ends[0] <= number <= ends[1] for number in found), name
    assert columns["low"][0] == columns["prediction"][0] == ends[0]
    assert columns["high"][1] == columns["prediction"][1] == ends[1]
    if loss != "mse":
        own = nntrain.load(result.run).predict(FAR).columns()
        assert all(ends[0] <= number <= ends[1] for name in ("low", "high") for number in cast("list[float]", own[name]))


def test_each_value_of_a_vector_has_its_own_ends(ends: tuple[float, float]) -> None:
    section = {**config()["data"], "target": "both", "fields": {"both": {"type": "vector", "columns": ["y", "z"]}}}
    result = nntrain.fit(config(data=section))
    found = cast("list[list[float]]", nntrain.load(result.run).predict(FAR)["both"].values)
    assert found[0] == [ends[0], -ends[0]]
    assert found[1] == [ends[1], -ends[1]]


@pytest.mark.parametrize("changes", [["data.fields.y={type: number, normalize: log}"], ["data.streaming=true", "training.max_epochs=2"]])
def test_logarithms_and_rows_that_are_streamed(changes: list[str], ends: tuple[float, float]) -> None:
    result = nntrain.fit(config(), "optimizer.lr=0.05", *changes)
    found = cast("list[float]", nntrain.load(result.run).predict(FAR).columns()["prediction"])
    assert found[:2] == list(ends)


def test_a_run_that_goes_on_holds_them_as_before(ends: tuple[float, float]) -> None:
    first = nntrain.fit(config(), "training.max_epochs=3")
    again = nntrain.fit(None, "training.max_epochs=5", resume=first.run.path)
    whole = nntrain.fit(config(), "training.max_epochs=5")
    assert again.summary["best"] == whole.summary["best"]


def test_forecasts_of_several_columns_at_once(tmp_path: Path) -> None:
    rows = [f"{step % 7},{100 - step % 5}" for step in range(200)]
    (tmp_path / "steps.csv").write_text("\n".join(["p,q", *rows]) + "\n")
    section = {
        "source": "steps.csv",
        "target": ["p", "q"],
        "window": {"past": 4, "horizon": 2},
        "fields": {name: {"type": "number", "role": ["input", "target"]} for name in ("p", "q")},
    }
    changed = config(data=section, task={"type": "forecasting", "clamp": True}, architecture={"type": "dlinear"})
    del changed["optimizer"]
    result = nntrain.fit(changed, "training.max_epochs=1")
    wild = [{"p": 1e4 * (-1) ** step, "q": 1e5 * (-1) ** step} for step in range(8)]
    found = torch.tensor(nntrain.load(result.run).predict(wild)["forecast"].values)
    assert set(found[..., 0].flatten().tolist()) <= {0.0, 6.0}
    assert set(found[..., 1].flatten().tolist()) <= {96.0, 100.0}


def test_what_has_no_range_of_its_own_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], ends: tuple[float, float]) -> None:
    data = "data: {source: rows.csv, target: size, fields: {size: {type: ordinal, order: [small, large]}}}"
    (tmp_path / "rows.csv").write_text("a,size\n" + "".join(f"{row},{'small' if row % 3 else 'large'}\n" for row in range(40)))
    (tmp_path / "a.yaml").write_text(f"{data}\ntask: {{type: regression, clamp: true}}\n")
    assert main(["check", "a.yaml"]) != 0
    assert "task.clamp" in (told := capsys.readouterr().err)
    assert "no level is beyond the others" in told
    with pytest.raises(ConfigError, match="is for numbers and vectors"):
        nntrain.fit(
            {
                "data": {"source": {"type": "builtin", "name": "digits"}, "target": "image", "fields": {"label": {"role": "ignore"}}},
                "task": {"type": "regression", "clamp": True},
            }
        )


def test_values_within_the_range_and_nan_stay_as_they_are() -> None:
    none = torch.zeros(1, dtype=torch.float64)
    target = FittedTarget("y", "number", Spec((), ()), (), none, none, low=torch.tensor([-1.0]), high=torch.tensor([2.0]))
    values = torch.tensor([-3.0, -1.0, 0.25, 2.0, 7.0, float("nan"), float("-inf")], dtype=torch.float64)
    assert target.held(values)[:5].tolist() == [-1.0, -1.0, 0.25, 2.0, 2.0]
    assert target.held(values)[5].isnan()
    assert target.held(values)[6] == -1.0


def test_a_bag_holds_its_predictions_within_the_rows_of_all_parts(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    pairs = cast("list[list[float]]", torch.rand(120, 2, generator=generator).tolist())
    values = [value(a, b) for a, b in pairs]
    (tmp_path / "rows.csv").write_text(
        "\n".join(["a,b,y", *(f"{a:.6f},{b:.6f},{y}" for (a, b), y in zip(pairs, values, strict=True))]) + "\n"
    )
    (tmp_path / "a.json").write_text(
        json.dumps(config(data={"source": "rows.csv", "target": "y", "split": {"test": None}, "batch_size": 16}))
    )
    assert main(["fit", "a.json", "training.bag=2", "optimizer.lr=0.05"]) == 0
    found = nntrain.load("runs/held/0001").predict(FAR).columns()["prediction"]
    assert list(found[:2]) == [min(values), max(values)]
