"""What is too seldom to be measured or learned is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.insight.few_rows import find_few
from nntrain.insight.suspicion import Suspicion


def few(folder: Path, labels: list[str] | None, rows: int, *, is_bag: bool = False) -> list[Suspicion]:
    draw = np.random.default_rng(0)
    pl.DataFrame({"a": draw.normal(size=rows), "y": labels or draw.normal(size=rows).tolist()}).write_csv(folder / "t.csv")
    settings = DataSettings.model_validate({"source": {"type": "csv", "path": "t.csv"}, "target": "y"})
    return find_few(prepare(settings, folder, seed=0), is_bag=is_bag)


@pytest.mark.parametrize(("rows", "told"), [(12, "1 test row: figures on so few say hardly anything"), (100, "10 test rows: figures")])
def test_few_test_rows_say_hardly_anything(tmp_path: Path, rows: int, told: str) -> None:
    [found] = few(tmp_path, None, rows)
    assert found.sentence.startswith(told)
    assert "--folds 5" in found.sentence
    [of_bag] = few(tmp_path, None, rows, is_bag=True)
    assert "--folds" not in of_bag.sentence  # which a bag refuses


def test_enough_rows_are_no_matter(tmp_path: Path) -> None:
    assert few(tmp_path, None, 300) == []
    assert few(tmp_path, ["p", "q", "r"] * 100, 300) == []


def test_a_class_of_a_few_rows_is_told(tmp_path: Path) -> None:
    [found] = few(tmp_path, ["p", "q"] * 148 + ["rare"] * 3 + ["p"], 300)
    assert (found.kind, found.name, found.evidence) == ("few", "rare", {"rows": 3.0})
    assert found.sentence.startswith("y: rare has 3 rows, too few to be learned or measured")
