"""What the data tell and a run keeps: a column that says which rows train, a decimal comma."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import nntrain

ROWS = 90


@pytest.mark.parametrize("split", [{"fields": {"part": {"role": "split"}}}, {"split": {"column": "part"}}])
def test_a_split_column_is_kept_by_the_run(split: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts = ["train", "train", "train", "validation", "test"]
    lines = [f"{row * 0.5},{(row * 7) % 11},{row * 1.5 + 0.25},{parts[row % 5]}" for row in range(ROWS)]
    Path("rows.csv").write_text("\n".join(["a,b,y,part", *lines]) + "\n", encoding="utf-8")
    config = {
        "name": "parted",
        "data": {"source": "rows.csv", "target": "y", "batch_size": 16, **split},
        "architecture": {"type": "mlp", "hidden": [4]},
        "training": {"max_epochs": 2},
    }
    first = nntrain.fit(config)
    resolved = (first.run.path / "resolved.yaml").read_text(encoding="utf-8")
    assert "role: split" in resolved or "column: part" in resolved
    assert nntrain.evaluate(first.run).rows == ROWS // 5
    assert nntrain.evaluate(first.run, split="train").rows == ROWS * 3 // 5
    assert nntrain.fit(None, "training.max_epochs=3", resume=first.run.name).summary["epochs"] == 3
    Path("again.yaml").write_text(resolved, encoding="utf-8")
    again = nntrain.fit("again.yaml")
    assert nntrain.evaluate(again.run).rows == ROWS // 5


def test_a_decimal_comma_is_kept_by_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [f"{row * 0.5};{(row * 7) % 11};{row * 1.5 + 0.25}".replace(".", ",") for row in range(60)]
    Path("rows.csv").write_text("\n".join(["a;b;y", *lines]) + "\n", encoding="utf-8")
    config = {"name": "comma", "data": {"source": "rows.csv", "target": "y"}, "training": {"max_epochs": 2}}
    first = nntrain.fit(config)
    assert "decimal: ','" in (first.run.path / "resolved.yaml").read_text(encoding="utf-8").replace('"', "'")
    assert nntrain.fit({**config, "training": {"max_epochs": 3}}, resume=first.run.name).summary["epochs"] == 3
    Path("new.csv").write_text("a;b;y\n1,234;2;3,125\n2,345;3;4,125\n", encoding="utf-8")
    assert nntrain.evaluate(first.run, data="new.csv").rows == 2
    model = nntrain.load(first.run)
    assert model.predict([{"a": "1,5", "b": "2"}])["y"] == model.predict([{"a": 1.5, "b": 2}])["y"]
