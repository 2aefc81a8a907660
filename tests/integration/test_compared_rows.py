"""Losses that compare the rows of a batch are one figure wherever they are measured, whatever fits into memory at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from nntrain.cli import main
from nntrain.data.batches import TensorData
from nntrain.data.lanes import drawn_batches
from nntrain.training.history import read_history

CONFIG = """
name: wide
data:
  source: rows.npz
  target: kind
  fields: {x: vector, kind: {type: category, unknown: class}}
  split: {validation: 0.3, test: null}
  batch_size: 16
architecture: {layers: [{linear: 8}]}
task: {type: metric, dim: 8}
loss: nt_xent
optimizer: {lr: 0.001}
training: {max_epochs: 1}
"""
VIEWS = """
name: views
data:
  source: {type: builtin, name: digits}
  fields: {image: {type: image, size: 8, augment: [{shift: 0.2}]}, label: {role: ignore}}
  split: {validation: 45, test: 1700}
  batch_size: 10
architecture: {nodes: {body: {from: image, layers: [flatten, {linear: 8}]}}}
task: {type: metric, views: 3}
training: {max_epochs: 1}
"""


def written(kinds: np.ndarray[Any, Any]) -> None:
    """Rows of so many numbers that five of them are measured at once where nothing is compared."""
    values = np.random.default_rng(0).normal(size=(len(kinds), 12288)).astype(np.float32) + kinds[:, None]
    np.savez("rows.npz", x=values, kind=kinds)
    Path("a.yaml").write_text(CONFIG)
    Path("v.yaml").write_text(VIEWS)


def figures(name: str, capsys: pytest.CaptureFixture[str]) -> tuple[float | None, ...]:
    """The loss on the validation rows in the report, at the end of the run, and as `eval` has it."""
    run = Path("runs", name, "0001")
    report = read_history(run / "history.jsonl")[-1]["metrics"]["validation.loss"]
    capsys.readouterr()
    assert main(["eval", run.as_posix(), "--split", "validation", "--json"]) == 0
    judged = json.loads(capsys.readouterr().out)["metrics"]["loss"]
    return report, json.loads((run / "summary.json").read_text())["best"]["validation.loss"], judged


def test_rows_sorted_by_class_have_one_loss_in_report_summary_and_eval(capsys: pytest.CaptureFixture[str]) -> None:
    written(np.arange(100) // 25)
    assert main(["fit", "a.yaml"]) == 0
    report, summary, judged = figures("wide", capsys)
    assert report == summary == judged
    assert report is not None
    assert report > 0.5
    written(np.arange(20) + 100)  # there is nothing that belongs to a row of which each is the only one of its class
    assert main(["eval", "runs/wide/0001", "--data", "rows.npz", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"]["loss"] is None


def test_views_of_a_row_are_compared_in_one_batch(capsys: pytest.CaptureFixture[str]) -> None:
    written(np.arange(4) % 2)
    assert main(["fit", "v.yaml"]) == 0
    report, summary, judged = figures("views", capsys)
    assert report == summary == judged
    assert report is not None


def test_portions_are_a_function_of_the_number_of_rows_and_keep_together_what_is_shown_several_times() -> None:
    rows = torch.arange(21)
    data = TensorData({"x": rows.float()}, {}, None, rows.repeat_interleave(3)[:21])
    found = [batch.rows.reshape(-1, 3) for batch in drawn_batches(data, 3, times=3)]
    assert [len(batch) for batch in found] == [3, 4]
    assert all(bool((batch == batch[:, :1]).all()) for batch in found)
    drawn = cast("list[int]", torch.cat(found)[:, 0].tolist())
    assert sorted(drawn) == list(range(7)) != drawn
    other = [batch.rows for batch in drawn_batches(data, 7, times=3)]
    assert torch.equal(torch.cat(other), torch.cat(found).flatten())
