"""Numbers whose logarithms are trained: there and back, what has none, and figures in their own unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError, DataError


def write(columns: dict[str, Sequence[object]], name: str = "rows.csv") -> None:
    lines = [",".join("" if cell is None else str(cell) for cell in row) for row in zip(*columns.values(), strict=True)]
    Path(name).write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")


def prepared(field: dict[str, Any], **options: Any) -> Prepared:
    fields = {"x": "number", "y": {"type": "number", "role": "target", **field}}
    tree = {"source": "rows.csv", "fields": fields, "split": {"validation": None, "test": None}, **options}
    return prepare(DataSettings.parse(tree), Path(), seed=0)


@pytest.mark.parametrize("curve", ["log", "log1p"])
def test_there_and_back(curve: str) -> None:
    values = np.array([0.5, 1, 20, 3000, 7, 1e6])
    write({"x": range(6), "y": values.tolist()})
    found = prepared({"normalize": curve})
    logs = np.log(values) if curve == "log" else np.log1p(values)
    trained = found.train.target("y")
    assert trained.numpy() == pytest.approx((logs - logs.mean()) / logs.std(), abs=1e-5)
    target = found.fields.targets["y"]
    assert target.to_raw(trained).numpy() == pytest.approx(values, rel=1e-5)
    assert target.raw_scale.tolist() == pytest.approx([values.std()])


@pytest.mark.parametrize(
    ("field", "rows", "told", "hint"),
    [
        (
            {"normalize": "log"},
            [1, 2, 0, 4],
            r"y should be above 0, as normalize: log needs it; 1 of 4 values is not: line 4 '0'",
            "log1p, which takes 0",
        ),
        ({"normalize": "log"}, [1, -2, 0, 4], r"2 of 4 values are not: line 3 '-2', line 4 '0'", "y.normalize: standard, which takes any"),
        ({"normalize": "log1p"}, [1, -1, 0, 4], r"y should be above -1, as normalize: log1p needs it", "y.normalize: standard"),
    ],
)
def test_what_has_no_logarithm_is_told_with_its_row(field: dict[str, Any], rows: list[float], told: str, hint: str) -> None:
    write({"x": range(4), "y": rows})
    with pytest.raises(DataError, match=told) as found:
        prepared(field)
    assert hint in str(found.value)


def test_missing_and_clipped_inputs() -> None:
    write({"x": [1, 100, None, 0], "y": range(4)})
    tree: dict[str, Any] = {"source": "rows.csv", "target": "y", "split": {"validation": None, "test": None}}
    tree["fields"] = {"x": {"type": "number", "normalize": "log", "clip": [1, 1000]}, "y": "number"}
    inputs = prepare(DataSettings.parse(tree), Path(), seed=0).train.batch(0, 4).inputs["@number"][:, 0]
    logs = torch.tensor([0, math.log(100), 0]).double()
    assert inputs[2].item() == pytest.approx(0, abs=1e-6)  # the mean of the logarithms
    assert inputs[1].item() == pytest.approx(((logs[1] - logs.mean()) / logs.std(correction=0)).item(), rel=1e-5)
    assert inputs[3] == inputs[0]
    with pytest.raises(ValueError, match="missing 0 is not above 0"):
        DataSettings.parse({**tree, "fields": {"x": {"type": "number", "normalize": "log", "missing": 0}}})


def test_figures_are_in_the_unit_of_the_target_and_a_saved_config_means_the_same() -> None:
    rows = [(x / 20, round(math.exp(x / 20), 6)) for x in range(120)]
    write({"x": [x for x, _ in rows], "y": [y for _, y in rows]})
    tree = {"name": "growth", "data": {"source": "rows.csv", "fields": {"y": {"type": "number", "role": "target", "normalize": "log"}}}}
    training = {"optimizer": {"adam": 0.1}, "training": {"max_epochs": 20}, "architecture": {"layers": [{"linear": 1}]}}
    result = nntrain.fit({**tree, **training})
    found = nntrain.load(result.run).predict("rows.csv")["y"].values
    assert found == pytest.approx([y for _, y in rows], rel=0.2)  # the logarithm is linear, and numbers from 1 to 380 are not
    test = nntrain.evaluate(result.run, data="rows.csv").metrics
    off = [one - y for one, (_, y) in zip(found, rows, strict=True)]
    assert test["rmse"] == pytest.approx(math.sqrt(sum(each**2 for each in off) / len(off)))
    text = (result.run.path / "resolved.yaml").read_text(encoding="utf-8")
    Path("again.yaml").write_text(text, encoding="utf-8")
    again = nntrain.fit("again.yaml").run.path
    assert (again / "history.jsonl").read_bytes() == (result.run.path / "history.jsonl").read_bytes()


def test_the_naive_forecasts_of_logarithms_are_the_same() -> None:
    values = [round(100 * math.exp(row / 30 + math.sin(row)), 3) for row in range(80)]
    write({"y": values})
    both: dict[str, Any] = {"type": "number", "role": ["input", "target"]}
    found: list[dict[str, float]] = []
    for normalize in ("log", "standard"):
        data = {"source": "rows.csv", "fields": {"y": {**both, "normalize": normalize}}, "window": {"past": 8, "horizon": 2, "season": 6}}
        made = {"data": {**data, "split": {"validation": 15, "test": 15}}, "architecture": "dlinear", "training": {"max_epochs": 1}}
        figures = nntrain.fit({"name": "logs", **made}).summary["baselines"]["seasonal_naive"]
        found.append({name: value for name, value in figures.items() if name != "seconds"})
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_loss_of_counts_takes_no_logarithms() -> None:
    write({"x": range(40), "y": [1 + row % 7 for row in range(40)]})
    fields = {"y": {"type": "number", "role": "target", "normalize": "log"}}
    with pytest.raises(ConfigError, match="scores the values as they are, and y is scaled"):
        nntrain.fit({"name": "counts", "data": {"source": "rows.csv", "fields": fields}, "loss": "poisson_nll"})
