"""A column that says which rows train, from the fit on through all that reads its run."""

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
