"""The notes that follow: trained on pieces, measured in nats a step, gone on with, and written as a MIDI file."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from nntrain.cli import main

CONFIG = """
data:
  source: {type: pianoroll, path: pieces.json}
  fields: {notes: {type: notes, low: 60, high: 67, role: [input, target]}}
  batch_size: 8
architecture: {layers: [{gru: 16}]}
optimizer: {lr: 0.03}
training: {max_epochs: 20}
"""
CHORDS = [[60, 64], [62, 65], [64, 67], []]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Four chords in turn, begun anywhere."""
    pieces = [[CHORDS[(start + step) % 4] for step in range(5 + start % 3)] for start in range(24)]
    (tmp_path / "pieces.json").write_text(json.dumps({"train": pieces, "valid": pieces[:6], "test": pieces[6:12]}))
    (tmp_path / "a.yaml").write_text(CONFIG)
    assert main(["fit"]) == 0
    return tmp_path / "runs" / "a" / "0001"


def test_the_likelihood_of_a_step_is_that_of_its_notes_together(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert summary["test"]["nll"] < 1
    assert summary["test"]["nll"] == pytest.approx(summary["test"]["loss"], rel=1e-4)
    assert summary["test"]["f1_micro"] > 0.9
    pieces = json.loads((run.parents[2] / "pieces.json").read_text())
    shares = {note: _share(pieces["train"], note) for note in range(60, 68)}
    steps = [step for piece in pieces["test"] for step in piece[1:]]
    bits = [-math.log(share if note in step else 1 - share) for step in steps for note, share in shares.items() if 0 < share < 1]
    assert summary["baseline"]["test.nll"] == pytest.approx(sum(bits) / len(steps), rel=1e-4)


def _share(pieces: list[list[list[int]]], note: int) -> float:
    steps = [step for piece in pieces for step in piece[1:]]
    return sum(note in step for step in steps) / len(steps)


def test_music_goes_on_and_becomes_a_file(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", str(run), "--prompt", "60 64; 62 65", "--steps", "4", "--temperature", "0", "-o", "piece.mid"]) == 0
    from nntrain.data.midi import midi

    wanted = [CHORDS[step % 4] for step in range(6)]
    assert (tmp_path / "piece.mid").read_bytes() == midi(wanted)
    assert main(["generate", str(run), "-o", "piece.json"]) == 2
    assert "-o piece.mid" in capsys.readouterr().err


def test_new_pieces_are_measured_and_predicted(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(run), "--data", "pieces.json"]) == 0
    assert "rows     36 (pieces.json)" in capsys.readouterr().out
    (tmp_path / "new.json").write_text(json.dumps([CHORDS, CHORDS[:2]]))
    assert main(["predict", str(run), "new.json"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("notes,prediction")
    assert rows[1].startswith("60 64; 62 65; 64 67;")
    assert rows[2].startswith("60 64; 62 65,")


def test_a_network_that_looks_ahead_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pieces.json").write_text(json.dumps({"train": [[[60], [62]]] * 4}))
    (tmp_path / "a.yaml").write_text(CONFIG.replace("{gru: 16}", "{gru: {hidden_size: 16, bidirectional: true}}"))
    assert main(["check", "a.yaml"]) == 2
    told = capsys.readouterr().err
    assert "gru looks ahead, and next_step is to predict what comes next" in told
    assert "fix:  bidirectional: false" in told


def test_options_that_choose_among_tokens_are_refused(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "a.yaml", "generate.top_k=3"]) == 2
    told = capsys.readouterr().err
    assert "generate.top_k" in told
    assert "next_step draws no tokens" in told
    assert main(["generate", str(run), "--top-k", "3", "-o", "piece.mid"]) == 2
    assert "--top-k has no effect" in capsys.readouterr().err
    assert not (tmp_path / "piece.mid").exists()
