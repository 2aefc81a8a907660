"""Encoded blocks in the cache folder: never those of other data, of data read in another way, or damaged ones."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import blockwise_tables
import numpy as np
import polars as pl
import pytest
import torch
from blockwise_tables import frame, small_blocks, write

from nntrain.cli import main
from nntrain.data.batches import plain_batches
from nntrain.data.blockwise import cache, preparing
from nntrain.data.blockwise.cache import BlockCache
from nntrain.data.blockwise.store import BlockStore
from nntrain.data.cache_folder import NotKeptError
from nntrain.data.fingerprint import fingerprint_sources
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError, UsageError

ROWS = 240


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table in some blocks, whose validation rows have a number that may stand for none."""
    small_blocks(monkeypatch, 2_000)
    draws = np.random.default_rng(0)
    part = ["validation" if row % 3 == 0 else "train" for row in range(ROWS)]
    first = [-999.0 if row % 30 == 0 else value for row, value in enumerate(draws.normal(5, 2, ROWS).round(4).tolist())]
    pl.DataFrame({"first": first, "other": draws.normal(0, 1, ROWS).round(4), "part": part, "y": draws.integers(0, 2, ROWS)}).write_csv(
        tmp_path / "t.csv"
    )
    return tmp_path / "t.csv"


def prepared(path: Path, workers: int = 0, **source: Any) -> Prepared:
    """The rows of a table, a block at a time."""
    fields = {"first": "number", "other": "number", "y": {"type": "boolean", "role": "target"}}
    data = {"source": {"type": "csv", "path": path.name, **source}, "fields": fields, "split": {"column": "part"}, "streaming": True}
    data |= {"workers": workers} if workers else {}
    return prepare(DataSettings.parse(data), path.parent, seed=0)


def validation(path: Path, **source: Any) -> torch.Tensor:
    """The inputs of the validation rows."""
    found = prepared(path, **source).validation
    assert found is not None
    return found.loaded().inputs["@number"]


def folder(found: Prepared) -> Path:
    """Where the encoded blocks of the training file are kept."""
    streamed = found.train.streamed
    assert streamed is not None
    assert isinstance(streamed.store, BlockStore)
    assert streamed.store.cache is not None
    return streamed.store.cache.folder


def test_settings_that_change_only_rows_that_teach_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, coded = validation(path), validation(path, missing=["", "-999.0"])
    assert not torch.equal(plain, coded)
    monkeypatch.setenv("NNTRAIN_CACHE", "")
    assert torch.equal(validation(path, missing=["", "-999.0"]), coded), "blocks of the one were used for the other"


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """As many rows, and as many bytes: only the values are others."""
    small_blocks(monkeypatch)
    path = write(tmp_path, kind)
    train = blockwise_tables.prepared(path, streaming=True).train
    store = train.streamed.store if train.streamed is not None else None
    assert isinstance(store, BlockStore)
    assert store.cache is not None
    write(tmp_path, kind, frame().with_columns(wide=pl.col("wide").reverse()))
    with pytest.raises(DataError, match="changed while it was read"):
        train.loaded()
    assert not list(store.cache.folder.iterdir()), "a block of the changed file was kept"


def test_a_file_that_changes_between_its_reading_and_its_fingerprint(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fingerprint(*given: Any) -> dict[str, str]:
        path.write_bytes(path.read_bytes())
        return fingerprint_sources(*given)

    monkeypatch.setattr(preparing, "fingerprint_sources", fingerprint)
    with pytest.raises(DataError, match="changed while it was read"):
        prepared(path)


def test_damaged_blocks_are_encoded_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flipped bit, a block of another place, and one whose tensors have other names."""
    train = prepared(path).train
    expected = train.loaded().inputs["@number"]
    files = sorted(folder(prepared(path)).iterdir())
    assert len(files) >= 3
    content = bytearray(files[0].read_bytes())
    content[-3] ^= 1
    files[0].write_bytes(content)
    files[1].write_bytes(files[2].read_bytes())
    streamed = train.streamed
    assert streamed is not None
    assert isinstance(streamed.store, BlockStore)
    assert streamed.store.cache is not None
    streamed.store.cache.write(2, {"other": torch.zeros(3)})
    assert torch.equal(prepared(path).train.loaded().inputs["@number"], expected)


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_blocks_that_can_not_be_written_are_known_and_encoded_anew(path: Path, workers: int) -> None:
    expected = prepared(path).train.loaded().inputs["@number"]
    shutil.rmtree(folder(prepared(path)))
    found = prepared(path, workers=workers)
    streamed = found.train.streamed
    assert streamed is not None
    assert streamed.store.lost is None
    shutil.rmtree(folder(found))
    rows = [batch.inputs["@number"] for _ in range(2) for batch in plain_batches(found.train, 50)]
    assert torch.equal(torch.cat(rows), torch.cat([expected, expected]))
    assert "can't be written: No such file" in str(streamed.store.lost)
    assert not folder(found).exists()


def test_blocks_that_can_not_be_written_are_told_once(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The disk is full while training: one line says so, and the run is that of one whose blocks were kept."""
    data = f"{{source: {path.name}, target: y, streaming: true, fields: {{part: {{role: ignore}}, y: boolean}}}}"
    text = f"name: full\ndata: {data}\narchitecture: {{type: mlp, hidden: [4]}}\ntraining: {{max_epochs: 3}}\n"
    path.with_name("full.yaml").write_text(text)
    histories: list[bytes] = []
    for is_full in (False, True):
        if is_full:

            def refuse(_: object) -> bytes:
                raise OSError(errno.ENOSPC, "full")

            monkeypatch.setattr(cache, "save", refuse)
            monkeypatch.setenv("NNTRAIN_CACHE", str(path.with_name("other")))
        assert main(["fit", str(path.with_name("full.yaml")), "--runs", str(path.with_name(f"runs{is_full}"))]) == 0
        found = capsys.readouterr()
        assert (found.out + found.err).count("No space left on device") == is_full, found
        histories += [file.read_bytes() for file in path.with_name(f"runs{is_full}").rglob("history.jsonl")]
    assert len(histories) == 2
    assert histories[0] == histories[1]


@pytest.mark.parametrize("named", ["~nobody-of-this-name/x", "/dev/null"])
def test_a_cache_folder_of_the_user_must_be_one(path: Path, monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("NNTRAIN_CACHE", named)
    with pytest.raises(UsageError, match=f"NNTRAIN_CACHE={named}: "):
        prepared(path)


def test_why_nothing_is_kept_is_told_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SPARE", 2**80)
    assert [note for note in prepared(path).notes if "not kept" in note and "MB left" in note]
    monkeypatch.delenv("NNTRAIN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null")
    assert [note for note in prepared(path).notes if "not kept" in note and "can't be written" in note]
    monkeypatch.setenv("XDG_CACHE_HOME", "~nobody-of-this-name/x")
    assert [note for note in prepared(path).notes if "not kept" in note and "no home folder is known" in note]


def test_the_cache_takes_no_more_than_its_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was used least lately goes first; what a run may be at work on stays."""

    def usage(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=10_000)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    caches: list[BlockCache] = []
    for number in range(3):
        made = BlockCache.of({"file": number}, [], 2000)
        assert made is not None
        made.write(0, {"x": torch.zeros(400)})
        os.utime(made.folder, (0, time.time() - 7200 - number))
        caches.append(made)
    assert BlockCache.of({"file": 3}, [], 2500) is not None
    assert [made.folder.is_dir() for made in caches] == [True, True, False]
    with pytest.raises(NotKeptError, match="MB left"):
        BlockCache.of({"file": 4}, [], 8000)
    assert caches[0].folder.is_dir(), "nothing is deleted in vain"
    assert BlockCache.of({"file": 4}, [], 10) is not None


def test_what_was_half_written_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = BlockCache.of({}, [], 1)
    assert made is not None
    left = made.folder / f"000001.x{cache.BEGUN}"
    left.write_bytes(b"")
    assert BlockCache.of({}, [], 1) == made
    assert left.exists(), "another run may be writing it"
    os.utime(left, (0, 0))
    assert BlockCache.of({}, [], 1) == made
    assert not left.exists()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        made.write(1, {"x": torch.zeros(3)})
    assert not list(made.folder.iterdir())
