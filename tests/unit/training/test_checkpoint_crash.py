"""A crash, or a full disk, before every single call to the file system that a save makes."""

from __future__ import annotations

import builtins
import errno
import io
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nntrain.errors import ResourceError
from nntrain.training import checkpoint

CALLS = ["open", "write", "fsync", "mkdir", "rename", "replace", "unlink", "rmdir"]


class Crash(BaseException):
    """The process is gone: no handler may run for it."""


class Faults:
    """Counts the calls that change the file system, and fails the one with a given number and all after it."""

    def __init__(self, fail_at: int | None, fault: Callable[[], BaseException], *, lasts: bool) -> None:
        self.count = 0
        self._fail_at, self._fault, self._lasts = fail_at, fault, lasts

    def check(self, call: str) -> None:
        self.count += 1
        if self._fail_at is not None and (self.count == self._fail_at or (self._lasts and self.count > self._fail_at)):
            raise self._fault()

    def wrap(self, call: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*arguments: Any, **options: Any) -> Any:
            self.check(call)
            return function(*arguments, **options)

        return checked


class TornFile:
    """A file whose write comes only half through before it fails."""

    def __init__(self, file: Any, faults: Faults) -> None:
        self._file, self._faults = file, faults

    def __enter__(self) -> TornFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> None:
        try:
            self._faults.check("write")
        except BaseException:
            self._file.write(content[: len(content) // 2])
            self._file.flush()
            raise
        self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()


def install(monkeypatch: pytest.MonkeyPatch, faults: Faults) -> None:
    for call in ("fsync", "mkdir", "rename", "replace", "unlink", "rmdir"):
        monkeypatch.setattr(os, call, faults.wrap(call, getattr(os, call)))
    opened = io.open

    def open_checked(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if not any(letter in mode for letter in "wax+"):
            return opened(file, mode, *arguments, **options)
        faults.check("open")
        return TornFile(opened(file, mode, *arguments, **options), faults)

    monkeypatch.setattr(io, "open", open_checked)
    monkeypatch.setattr(builtins, "open", open_checked)


def parts(step: int) -> dict[str, Any]:
    return {"weights": {"weight": torch.full((50,), float(step))}, "state": {"step": step}}


def prepare(folder: Path) -> None:
    """Two checkpoints, the first of them the best."""
    checkpoint.save(folder, 1, parts(1), points=("best",))
    checkpoint.save(folder, 2, parts(2), points=("last",))


def save_next(folder: Path) -> None:
    checkpoint.save(folder, 3, parts(3), points=("last", "best"))
    checkpoint.prune(folder, keep=1)


def num_calls(monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    prepare(folder)
    faults = Faults(None, Crash, lasts=False)
    with monkeypatch.context() as patch:
        install(patch, faults)
        save_next(folder)
    return faults.count


def assert_whole(folder: Path) -> int:
    """Step of the newest checkpoint, after everything that is there was looked at."""
    found = checkpoint.newest(folder)
    assert found.path is not None
    assert found.damaged == ()
    step = checkpoint.load(found.path)["state"]["step"]
    for name in ("last", "best"):
        path = checkpoint.pointed(folder, name)
        assert path is not None
        content = checkpoint.load(path)
        assert torch.equal(content["weights"]["weight"], torch.full((50,), float(content["state"]["step"])))
    return step


def test_a_crash_before_any_call_leaves_the_old_or_the_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = num_calls(monkeypatch, tmp_path / "count")
    assert total > 20
    seen = set()
    for number in range(1, total + 1):
        folder = tmp_path / str(number)
        prepare(folder)
        with monkeypatch.context() as patch:
            install(patch, Faults(number, Crash, lasts=True))
            with pytest.raises(Crash):
                save_next(folder)
        seen.add(assert_whole(folder))
        save_next(folder)  # the next process tidies up and goes on
        assert assert_whole(folder) == 3
        assert sorted(path.name for path in folder.iterdir()) == ["best", "last", "step-0000003"]
        shutil.rmtree(folder)
    assert seen == {2, 3}


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from then on"])
def test_a_full_disk_at_any_call_is_told_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, lasts: bool) -> None:
    total = num_calls(monkeypatch, tmp_path / "count")
    told: list[ResourceError] = []
    for number in range(1, total + 1):
        folder = tmp_path / str(number)
        prepare(folder)
        with monkeypatch.context() as patch:
            install(patch, Faults(number, lambda: OSError(errno.ENOSPC, "No space left on device"), lasts=lasts))
            try:
                save_next(folder)
            except ResourceError as error:
                told.append(error)
        assert_whole(folder)
        save_next(folder)
        assert assert_whole(folder) == 3
        shutil.rmtree(folder)
    assert len(told) > 10
    assert all("No space left on device" in error.message and "MiB are free" in str(error.hint) for error in told)


def test_after_a_full_disk_no_debris_takes_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(tmp_path)
    with monkeypatch.context() as patch:
        install(patch, Faults(3, lambda: OSError(errno.ENOSPC, "No space left on device"), lasts=False))
        with pytest.raises(ResourceError):
            checkpoint.save(tmp_path, 3, parts(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "last", "step-0000001", "step-0000002"]


def test_a_crash_while_a_damaged_checkpoint_is_replaced_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare_damaged(folder: Path) -> None:
        prepare(folder)
        (checkpoint.save(folder, 3, parts(3)) / "meta.json").write_text("{")

    prepare_damaged(tmp_path / "count")
    faults = Faults(None, Crash, lasts=False)
    with monkeypatch.context() as patch:
        install(patch, faults)
        save_next(tmp_path / "count")
    for number in range(1, faults.count + 1):
        folder = tmp_path / str(number)
        prepare_damaged(folder)
        with monkeypatch.context() as patch:
            install(patch, Faults(number, Crash, lasts=True))
            with pytest.raises(Crash):
                save_next(folder)
        found = checkpoint.newest(folder)
        assert found.path is not None
        assert checkpoint.load(found.path)["state"]["step"] in {2, 3}
        save_next(folder)
        assert assert_whole(folder) == 3
