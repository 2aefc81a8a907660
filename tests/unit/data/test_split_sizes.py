"""What the settings tell of the number of training rows is what reading the data gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.split_sizes import rows_to_train

SPLITS: list[dict[str, Any]] = [
    {},
    {"validation": 0.2, "test": 0.25},
    {"validation": 3, "test": None},
    {"by": "time"},
    {"by": "random", "test": 2},
    {"folds": 3, "fold": 1},
    {"folds": 3, "fold": 3, "validation": None},
    {"folds": 3, "fold": 2, "by": "time"},
]


@pytest.mark.parametrize("split", SPLITS, ids=str)
@pytest.mark.parametrize("rows", [11, 38])
@pytest.mark.parametrize("target", ["number", "boolean"])
def test_rows(split: dict[str, Any], rows: int, target: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *(f"{row * 0.5},{row % 2}" for row in range(rows))]) + "\n")
    settings = DataSettings.parse(
        {"source": {"type": "csv", "path": "t.csv"}, "fields": {"y": {"type": target, "role": "target"}}, "split": split}
    )
    layout, problems = plan_layout(settings, tmp_path, look=True)
    assert not problems
    assert rows_to_train(settings, layout) == len(prepare(settings, tmp_path, seed=0).train)


@pytest.mark.parametrize("split", [{"validation": 8, "test": 8}, {"folds": 3, "fold": 2, "validation": 8}], ids=str)
def test_windows(split: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["a,y", *(f"{row * 0.5},{row % 7}" for row in range(60))]) + "\n")
    fields = {"a": "number", "y": {"type": "number", "role": "target"}}
    settings = DataSettings.parse(
        {"source": {"type": "csv", "path": "t.csv"}, "fields": fields, "split": split, "window": {"past": 4, "stride": 2}}
    )
    layout, problems = plan_layout(settings, tmp_path, look=True)
    assert not problems
    assert rows_to_train(settings, layout) == len(prepare(settings, tmp_path, seed=0).train)


def test_groups_are_told_by_reading_alone(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["a,g,y", *(f"{row},{row % 5},{row * 0.5}" for row in range(30))]) + "\n")
    fields = {"a": "number", "g": {"type": "category", "role": "group"}, "y": {"type": "number", "role": "target"}}
    settings = DataSettings.parse({"source": {"type": "csv", "path": "t.csv"}, "fields": fields, "split": {"folds": 3, "fold": 2}})
    assert rows_to_train(settings, plan_layout(settings, tmp_path, look=True)[0]) is None
