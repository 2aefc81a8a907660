from pathlib import Path

import pytest

from nntrain.errors import CheckpointError
from nntrain.training.history import History, read_history


def test_lines_are_visible_at_once_and_floats_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    for step in range(3):
        history.append({"step": step, "loss": 0.1 + step, "accuracy": None})
        assert read_history(path)[-1] == {"step": step, "loss": 0.1 + step, "accuracy": None}
    assert history.length == path.stat().st_size
    history.sync()
    history.close()


def test_a_resumed_history_is_cut_to_its_length(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.append({"step": 1})
    length = history.length
    history.append({"step": 2})
    history.close()
    with path.open("ab") as file:
        file.write(b'{"step"')
    again = History(path, length)
    again.append({"step": 3})
    again.close()
    assert path.read_bytes() == b'{"step": 1}\n{"step": 3}\n'


def test_a_new_run_starts_with_an_empty_history(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1}\n')
    History(path).close()
    assert path.read_bytes() == b""


def test_missing_lines_are_refused_and_nothing_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1}\n')
    with pytest.raises(CheckpointError, match="lines are missing"):
        History(path, 100)
    assert path.read_text() == '{"step": 1}\n'


def test_a_line_that_was_cut_off_is_left_out_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1}\n{"step": 2')
    assert read_history(path) == [{"step": 1}]
    path.write_text('{"step": 1}\n{"step": 2\n{"step": 3}\n')
    with pytest.raises(CheckpointError, match=r"history\.jsonl:2: damaged line"):
        read_history(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_history(tmp_path / "missing")
