import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nntrain.errors import CheckpointError, ResourceError
from nntrain.training.history import History, read_history


def test_lines_are_visible_at_once_and_floats_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    for step in range(3):
        record = {"epoch": 0, "step": step, "metrics": {"loss": 0.1 + step, "accuracy": None}}
        history.append(record)
        assert read_history(path)[-1] == record
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


class FullDisk:
    """A file on a disk that has room for some bytes more."""

    def __init__(self, file: Any, room: int) -> None:
        self._file, self.room = file, room

    def write(self, content: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._file.write(content[: self.room])
        self.room -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@pytest.mark.parametrize("room", [0, 5])
def test_a_full_disk_is_told_and_loses_no_line(tmp_path: Path, room: int) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path)
    history.append({"step": 1})
    disk = FullDisk(history._file, room)
    history._file = disk
    with pytest.raises(ResourceError, match=r"cannot write .*history\.jsonl: No space left on device") as error:
        history.append({"step": 2})
    assert error.value.exit_code == 7
    assert path.read_bytes() == b'{"step": 1}\n'
    assert history.length == 12
    disk.room = 1000
    history.append({"step": 3})
    history.close()
    assert path.read_bytes() == b'{"step": 1}\n{"step": 3}\n'


def test_a_disk_that_fails_to_sync_or_close_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    history = History(tmp_path / "history.jsonl")
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(ResourceError, match=r"history\.jsonl: Input/output error"):
            history.sync()
    history.close()
    history._file = SimpleNamespace(close=fail)
    with pytest.raises(ResourceError, match="Input/output error"):
        history.close()


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="cannot write"):
        History(tmp_path / "missing" / "history.jsonl")


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
    record = {"epoch": 1, "step": 1, "metrics": {}}
    line = json.dumps(record)
    path.write_text(f'{line}\n{{"step": 2')
    assert read_history(path) == [record]
    path.write_text(f'{line}\n{{"step": 2\n{line}\n')
    with pytest.raises(CheckpointError, match=r"history\.jsonl:2: damaged line"):
        read_history(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_history(tmp_path / "missing")


@pytest.mark.parametrize("line", ["{}", "[]", "5", '{"epoch": 1, "step": "2", "metrics": {}}', '{"epoch": 1, "step": 2}', "[" * 100_000])
def test_a_line_that_is_no_report_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(CheckpointError, match=r"history\.jsonl:1: damaged line"):
        read_history(path)


@pytest.mark.parametrize("length", [0, None, 5000])
def test_a_folder_is_no_history(tmp_path: Path, length: int | None) -> None:
    (tmp_path / "history.jsonl").mkdir()
    with pytest.raises(CheckpointError, match=r"history\.jsonl: is no file"):
        History(tmp_path / "history.jsonl", length)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_history(tmp_path / "history.jsonl")
