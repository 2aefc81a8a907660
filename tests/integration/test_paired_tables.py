"""`compare A B --paired` of tables: rows are the same whatever columns are read, but not for another target or other weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nntrain.cli import main

CONFIG = """
name: t
data:
  source: rows.csv
  target: y
  split: {by: random, validation: 0.3, test: null}
  fields: {w: {role: ignore}}
architecture: {type: mlp, hidden: [8]}
training: {max_epochs: 3}
"""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("data.fields.b.role=ignore", None),
        ("data.fields.w.role=weight", "their validation rows count differently"),
        ("data.target=b", "they predict different things (y; b)"),
    ],
)
def test_runs_are_paired_whatever_columns_they_read(capsys: pytest.CaptureFixture[str], change: str, told: str | None) -> None:
    random = np.random.default_rng(0)
    a, b, w = random.normal(size=100), random.normal(size=100), random.uniform(0.5, 1, size=100)
    rows = zip(a, b, w, 1000 + 300 * a + 100 * b, strict=True)
    Path("rows.csv").write_text("\n".join(["a,b,w,y", *(",".join(f"{cell:.4f}" for cell in row) for row in rows), ""]))
    Path("t.yaml").write_text(CONFIG)
    assert main(["fit", "t.yaml"]) == 0
    assert main(["fit", "t.yaml", change]) == 0
    capsys.readouterr()
    assert main(["compare", "runs/t/0001", "runs/t/0002", "--paired"]) == (0 if told is None else 2)
    found = capsys.readouterr()
    assert ("on the same 30 validation rows\nvalidation.rmse: " in found.out) if told is None else (told in found.err)
