"""Runs whose images are streamed end with what runs with all of them in memory end with, in every part that reads rows."""

from __future__ import annotations

import json
import shutil
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest
from PIL import Image
from torch import Tensor

from nntrain import fit
from nntrain.cli import main
from nntrain.commands.preparing.jobs import Options
from nntrain.commands.proofs import smoke
from nntrain.data.row_numbers import RowNumbers

CONFIG = """
name: pictures
data:
  source: {type: image_folder, path: pictures}
  fields: {image: {type: image, normalize: standard, augment: [flip, {crop: 1}]}}
  batch: {sampler: balanced}
  batch_size: 8
  streaming: true
architecture: {type: cnn, channels: [4]}
loss: {type: cross_entropy, class_weights: balanced}
regularization: {norm: batch, mixup: 0.2, noise: 0.01, swa: {start_fraction: 0.3}}
training: {max_epochs: 2, accumulate: 2, evaluate_every: {steps: 2}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    for number in range(60):
        path = tmp_path / "pictures" / "abc"[number % 3] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draws.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        pixels[:, :, number % 3] //= 2
        Image.fromarray(pixels).save(path)
    path = tmp_path / "pictures.yaml"
    path.write_text(CONFIG)
    return path


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*arguments, "--json"]) == 0, capsys.readouterr()
    return json.loads(capsys.readouterr().out)


def without_names(summary: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in summary.items() if name not in ("run", "seconds", "test_looks")}
    for simple in kept.get("baselines", {}).values():
        del simple["seconds"]
    return kept


def test_every_part_that_reads_rows(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Training, evaluation, baselines; `eval` on splits and files, `predict` on a folder; a resumed run may change who reads."""
    pytest.importorskip("sklearn")
    shutil.copytree(tmp_path / "pictures", tmp_path / "later")
    ways = {"memory": ["data.streaming=false"], "ahead": ["data.workers=2"]}
    found: dict[str, Any] = {}
    for name, changes in ways.items():
        fitted = told(capsys, "fit", str(config), *changes, "baselines=[linear]", "--run-id", name)
        evaluated = told(capsys, "eval", f"runs/pictures/{name}")
        later = told(capsys, "eval", f"runs/pictures/{name}", "--data", "later")
        assert main(["predict", f"runs/pictures/{name}", "later", "-o", f"{name}.csv"]) == 0
        found[name] = [without_names(each) for each in (fitted, evaluated, later)], (tmp_path / f"{name}.csv").read_text()
    assert found["ahead"] == found["memory"]
    assert "linear" in found["memory"][0][0]["baselines"]
    capsys.readouterr()
    assert main(["fit", "--resume", "runs/pictures/memory", "data.streaming=true", "data.workers=1", "training.max_epochs=3"]) == 0
    assert main(["fit", "--resume", "runs/pictures/ahead", "data.workers=0", "training.max_epochs=3"]) == 0
    lines = [(tmp_path / "runs/pictures" / name / "history.jsonl").read_text() for name in ("memory", "ahead")]
    assert lines[0] == lines[1]
    assert lines[0].count("\n") > 3


@pytest.mark.parametrize("workers", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_smoke(config: Path, capsys: pytest.CaptureFixture[str], workers: int) -> None:
    assert smoke.run(config, (f"data.workers={workers}",), Options(as_json=True)) == 0, capsys.readouterr().out


def test_how_images_are_held_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(config), "data.workers=2", "training.max_epochs=1"]) == 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "image: read when their batch comes, by 2 processes; not looked at for leaks and copies" in shown


@pytest.mark.usefixtures("config")
def test_the_pixels_stand_beside_the_embeddings_wherever_the_images_lie() -> None:
    Path("m.yaml").write_text(
        "name: m\ndata:\n  source: {type: image_folder, path: pictures}\n  fields: {image: image, label: {unknown: class}}\n"
        "architecture: {layers: [flatten, {linear: 4}]}\ntask: metric\ntraining: {max_steps: 1}\n"
    )
    found: list[dict[str, Any]] = []
    for place, streaming in enumerate(("true", "false"), 1):
        assert main(["fit", "m.yaml", f"data.streaming={streaming}"]) == 0
        figures = without_names(json.loads(Path(f"runs/m/{place:04d}/summary.json").read_text()))
        found.append(figures["baselines"])
    assert found[0] == found[1]
    assert "test.recall_at_1" in found[0]["nearest_inputs"]


def test_bins_of_a_sorted_table_are_those_of_all_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from nntrain.commands.stored.opening import checkpoint_of

    monkeypatch.chdir(tmp_path)
    rows = 200_000
    polars.DataFrame({"t": np.arange(rows) / rows, "y": np.arange(rows) % 7 / 7}).write_parquet("t.parquet")
    tree = {
        "name": "sorted",
        "data": {"source": "t.parquet", "target": "y", "streaming": True, "batch_size": 512, "split": {"validation": 0.01, "test": 0.01}},
        "architecture": {"type": "mlp", "hidden": [4], "inputs": {"t": {"ple": 4}}},
        "training": {"max_steps": 1, "evaluate_every": {"steps": 1}},
    }
    run = fit(tree).run
    edges = next(value for name, value in checkpoint_of(run, "last")[1]["weights"].items() if name.endswith("edges"))[0]
    torch.testing.assert_close(edges * 0.2887 + 0.5, torch.linspace(0, 1, 5), atol=0.02, rtol=0)  # standardised uniform numbers


def test_the_numbers_of_all_rows_of_a_table_are_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They take more than all else that is kept of a row: they are made a portion at a time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nntrain.data.blockwise.preparing.BLOCK_BYTES", 1500)
    rows, draws = 400, np.random.default_rng(0)
    kinds = [f"k{number}" for number in draws.integers(0, 3, rows)]
    polars.DataFrame({"x": draws.normal(size=rows), "kind": kinds}).write_parquet("rows.parquet")
    whole: list[str] = []
    made = RowNumbers.__getitem__

    def asked(numbers: RowNumbers, positions: slice) -> Tensor:
        if positions.start is None and positions.stop is None:
            whole.append("".join(traceback.format_stack(limit=3)))
        return made(numbers, positions)

    monkeypatch.setattr(RowNumbers, "__getitem__", asked)
    tree = {
        "name": "numbers",
        "data": {"source": "rows.parquet", "target": "kind", "streaming": True},
        "architecture": {"type": "mlp", "hidden": [4]},
        "training": {"max_epochs": 2},
    }
    assert fit(tree).summary["test"]["accuracy"] is not None
    assert not whole
