"""Files that the cells of a table name belong to the data of a run: a change in them is noticed as one in the table is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nntrain.cli import main

CONFIG = """
name: shapes
data:
  source: rows.csv
  fields: {photo: {type: image}, y: {type: category, role: target}}
  split: {test: null}
architecture: {layers: [flatten, linear: 2]}
training: {max_steps: 2, evaluate_every: {steps: 1}, device: cpu}
"""


def draw(path: Path, seed: int) -> None:
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (4, 4), dtype=np.uint8)).save(path)


def test_a_changed_image_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for row in range(24):
        draw(Path(f"photos/{row}.png"), row)
    Path("rows.csv").write_text("photo,y\n" + "".join(f"photos/{row}.png,{'ab'[row % 2]}\n" for row in range(24)))
    Path("a.yaml").write_text(CONFIG)
    assert main(["fit", "a.yaml"]) == 0
    prints = json.loads(next(Path("runs/shapes").glob("0*/data.json")).read_text())["fingerprints"]
    assert set(prints) == {"source", "source.files"}
    assert main(["eval", "--split", "validation"]) == 0
    assert main(["fit", "a.yaml", "--resume", "auto"]) == 0, "nothing is left to do"
    draw(Path("photos/5.png"), 99)
    capsys.readouterr()
    assert main(["eval", "--split", "validation"]) == 3
    assert "have changed since it was trained (source.files)" in capsys.readouterr().err
    assert main(["fit", "--resume", "runs/shapes", "a.yaml", "training.max_steps=4"]) == 4
    assert "data: source.files has changed" in capsys.readouterr().err
