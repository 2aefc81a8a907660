"""Rows that a program has: trained on, predicted for and measured on, from threads too."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import nntrain
from nntrain.cli import main
from nntrain.errors import CheckpointError, DataError

CONFIG: dict[str, Any] = {
    "name": "towns",
    "data": {"target": "rent"},
    "architecture": {"type": "mlp", "hidden": [8]},
    "training": {"max_epochs": 3},
}


def rows(count: int = 200, seed: int = 0) -> list[dict[str, Any]]:
    """Records of a number, a code with leading zeros, a truth value and a target; some numbers are missing."""
    random = np.random.default_rng(seed)
    found: list[dict[str, Any]] = []
    for row in range(count):
        area, has_lift = float(random.uniform(20, 120)), bool(random.integers(2))
        rent = 10 * area + 100 * has_lift + random.normal()
        found.append({"area": None if row % 20 == 3 else area, "zip": f"0{row % 5}", "lift": has_lift, "rent": rent})
    return found


def pandas_of(records: list[dict[str, Any]]) -> Any:
    return pytest.importorskip("pandas").DataFrame(records)


def columns_of(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [record[name] for record in records] for name in records[0]}


FRAMES: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "list": list,
    "columns": columns_of,
    "polars": pl.DataFrame,
    "pandas": pandas_of,
}


@pytest.mark.parametrize("kind", FRAMES)
def test_a_network_is_trained_on_rows_of_any_kind_and_predicts_for_them(kind: str) -> None:
    records = rows()
    of_list = nntrain.fit(CONFIG, data=records)
    result = nntrain.fit(CONFIG, data=FRAMES[kind](records))
    assert result.summary["best"] == of_list.summary["best"]
    model = nntrain.load(result)
    wanted = model.predict(records)["rent"].values
    found = model.predict(FRAMES[kind](records), interval=0.8)
    assert found["rent"].values == pytest.approx(wanted)
    columns = found.columns()
    assert list(columns) == ["prediction", "low", "high", "note"]
    assert len(pl.DataFrame(columns)) == len(records)
    assert columns["note"][3] == "missing filled in (area)"


def test_rows_take_the_place_of_the_files_of_a_config(tmp_path: Path) -> None:
    (tmp_path / "towns.yaml").write_text(
        "data: {source: nowhere.csv, target: rent}\narchitecture: {type: mlp, hidden: [8]}\ntraining: {max_epochs: 1}\n"
    )
    result = nntrain.fit("towns.yaml", "training.max_epochs=2", data=rows())
    assert result.run.path.parent.name == "towns"
    assert result.summary["epochs"] == 2


def test_a_run_goes_on_with_the_same_rows_and_with_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    records = rows()
    run = nntrain.fit(CONFIG, data=records).run
    again = nntrain.fit(None, "training.max_epochs=5", data=records, resume=run.path)
    whole = nntrain.fit(CONFIG, "training.max_epochs=5", data=records)
    assert again.run.path == run.path
    assert again.summary["best"] == whole.summary["best"]
    with pytest.raises(CheckpointError, match="data: source has changed"):
        nntrain.fit(None, "training.max_epochs=6", data=rows(seed=1), resume=run.path)
    with pytest.raises(DataError, match="only their fingerprint is kept") as caught:
        nntrain.fit(None, "training.max_epochs=6", resume=run.path)
    assert "nntrain.fit(resume=run, data=rows)" in str(caught.value)
    assert main(["eval"]) == 3
    assert "nntrain eval RUN --data FILE" in capsys.readouterr().err
    assert main(["show", run.name]) == 0


def test_a_run_of_rows_is_measured_on_rows_and_on_files(tmp_path: Path) -> None:
    run = nntrain.fit(CONFIG, data=rows()).run
    later = rows(50, seed=2)
    pl.DataFrame(later).write_csv(tmp_path / "later.csv")
    found = nntrain.evaluate(run, data=later)
    assert (found.split, found.rows) == ("rows", 50)
    assert nntrain.evaluate(run, data="later.csv").metrics == pytest.approx(found.metrics)


def test_a_column_that_rows_lack_is_named() -> None:
    model = nntrain.load(nntrain.fit(CONFIG, data=rows()))
    with pytest.raises(DataError, match="no column 'zip' in rows"):
        model.predict([{"area": 50, "lift": True}])
    assert model.predict([{"area": 50, "lift": True}], missing_columns="as-missing").notes == ("missing (zip)",)
    with pytest.raises(DataError, match=r"different lengths: area 2, zip 1"):
        model.predict({"area": [1, 2], "zip": ["01"], "lift": [True, True]})
    empty: list[Any] = [[], {}, pl.DataFrame({"area": []})]
    for none in empty:
        with pytest.raises(DataError, match="there are no rows"):
            model.predict(none)


def test_threads_get_what_one_would() -> None:
    model = nntrain.load(nntrain.fit(CONFIG, data=rows()))

    def predicted(records: list[dict[str, Any]]) -> dict[str, list[Any]]:
        return model.predict(records, interval=0.8).columns()

    asked = [rows(1 + number % 7, seed=number) for number in range(64)]
    wanted = [predicted(records) for records in asked]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(predicted, asked))
    assert found == wanted
