"""The batch norm of an averaged network that is told its targets while it trains."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.cli import main

CONFIG = """
data:
  source: pairs.csv
  fields: {x: {columns: ["x*"], type: series}, t: {type: text, tokenizer: char, role: target}}
  split: {validation: 4, test: null}
  batch_size: 4
architecture:
  nodes:
    seen: {from: x, layers: [{linear: 8}, batch_norm, relu]}
    told: {from: seen, transformer_decoder: {dim: 8, num_layers: 1, num_heads: 2}}
  heads: {t: told}
task: {type: seq2seq, max_length: 3}
regularization: {swa: {start_fraction: 0.2, every_steps: 1}}
training: {max_steps: 4, evaluate_every: {steps: 4}, device: cpu}
"""


def test_a_network_with_batch_norm_that_writes_can_be_averaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{n % 3},{n % 2},{n},{'ab'[n % 2]}" for n in range(16)]
    (tmp_path / "pairs.csv").write_text("x1,x2,x3,t\n" + "\n".join(rows) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)
    assert main(["fit", "a.yaml"]) == 0
