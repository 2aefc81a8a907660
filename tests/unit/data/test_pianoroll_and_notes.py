"""Pieces of music: files, cells, and the notes that follow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.data.fields.notes import Notes
from nntrain.data.midi import midi
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.data.sources.pianoroll import PianoRoll
from nntrain.errors import ConfigError, DataError

PIECES: dict[str, Any] = {
    "test": [[[60], [62]]],
    "train": [[[60, 64], [], [62]], [[61], [61, 63]], [[64], [60], [60]]],
    "valid": [[[60], [60], [64, 60]]],
}


def written(tmp_path: Path, tree: Any) -> Path:
    path = tmp_path / "a.json"
    path.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return path


def prepared(tmp_path: Path, tree: Any, **options: Any) -> Prepared:
    written(tmp_path, tree)
    notes = {"type": "notes", "low": 60, "high": 64, "role": ["input", "target"], **options}
    settings = {"source": {"type": "pianoroll", "path": "a.json"}, "fields": {"notes": notes}}
    return prepare(DataSettings.parse(settings), tmp_path, seed=0)


def test_the_file_says_what_trains(tmp_path: Path) -> None:
    found = prepared(tmp_path, PIECES)
    assert {part: len(data) for part, data in found.splits.items()} == {"train": 3, "validation": 1, "test": 1}
    table = PianoRoll(path="a.json").read(tmp_path / "a.json", "a.json")
    assert table.texts("notes").to_list()[:2] == ["60; 62", "60 64; ; 62"]


def test_the_target_of_a_step_is_the_next_one(tmp_path: Path) -> None:
    batch = prepared(tmp_path, PIECES).train.batch(0, 3)
    assert batch.inputs["notes"].tolist()[0] == [[1, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert batch.inputs["notes.lengths"].tolist() == [3, 2, 3]
    target = batch.targets["notes"]
    assert target[0, :2].tolist() == [[0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert target[1, 0].tolist() == [0, 1, 0, 1, 0]
    assert target.isnan().any(dim=2).tolist() == [[False, False, True], [False, True, True], [False, False, True]]


def test_a_list_of_pieces_has_no_splits(tmp_path: Path) -> None:
    path = written(tmp_path, PIECES["train"])
    header = PianoRoll(path="a.json").peek(path, "a.json")
    assert (header.names, header.rows) == (("notes",), 3)


def test_cells_of_a_table_are_read_alike(tmp_path: Path) -> None:
    rows = [{"piece": cell} for cell in ("60 64;;62", "61;61 63", "64;60;60", "60;62", "62", "60;61")]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    notes = {"type": "notes", "low": 60, "high": 64, "role": ["input", "target"], "max_length": 2}
    settings = {"source": "a.jsonl", "fields": {"piece": notes}, "split": {"validation": None, "test": None}}
    found = prepare(DataSettings.parse(settings), tmp_path, seed=0)
    assert len(found.train) == 5
    assert any("1 row dropped without piece" in note for note in found.notes)
    assert found.train.batch(0, 1).inputs["piece"].shape == (1, 2, 5)


@pytest.mark.parametrize(
    ("tree", "wanted"),
    [
        ("{", "a.json is no JSON"),
        ("3", "holds neither pieces nor splits"),
        ({}, "has no piece"),
        ({"learn": [[[60]]]}, "'learn' is no split"),
        ({"train": [[60, 62]]}, r"train\[0\], step 0 is no list of MIDI notes: '60'"),
        ({"train": [[[60]], [[60], [61.5]]]}, r"train\[1\], step 1 is no list of MIDI notes"),
        ({"train": [5]}, r"train\[0\] is no list of steps"),
    ],
)
def test_faults_name_their_place(tree: Any, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=wanted):
        PianoRoll(path="a.json").read(written(tmp_path, tree), "a.json")


def test_notes_beyond_the_limits_name_row_and_step(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 0: notes: step 1: the note 65 is not from 60 to 64"):
        prepared(tmp_path, {"train": [[[60], [65]], [[60], [61]]]})


def test_a_target_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a target and no input"):
        prepared(tmp_path, PIECES, role="target")


def test_a_prompt_becomes_steps_and_steps_a_file() -> None:
    field = Notes(low=60, high=64)
    opening = field.opening("60 64;; 62", {})
    assert opening.tolist() == [[1, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    assert field.opening(None, {}).tolist() == [[0, 0, 0, 0, 0]]
    assert field.rendered(opening, {}) == midi([{60, 64}, set(), {62}])
    assert field.rendered(np.zeros((1, 5)), {}) == midi([set()])
    with pytest.raises(DataError, match="step 1: 'C4' is no MIDI note"):
        field.opening("60; C4", {})


@pytest.mark.parametrize(("note", "told"), [("60", "low: 60"), ("70", "high: 70"), ("128", "60 64 67"), ("9" * 5000, "60 64 67")])
def test_notes_beyond_the_limits_say_which_limit(note: str, told: str) -> None:
    with pytest.raises(DataError) as found:
        Notes(low=62, high=64).opening(note, {})
    assert told in (found.value.hint or "")
    assert len(found.value.message) < 100
