"""Rows of a table that are read a block at a time: the same rows and values, in an order that any step can be entered at."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
import torch
from blockwise_tables import FIELDS, both, frame, prepared, small_blocks, write
from torch import Tensor

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.data.batches import Batch, TensorData, epoch_batches, plain_batches
from nntrain.data.blockwise import deciding
from nntrain.data.blockwise.batches import shuffled_batches
from nntrain.data.blockwise.order import Stretches, spans_of
from nntrain.data.blockwise.store import BlockStore
from nntrain.data.bucketing import LaterBuckets
from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare, try_split
from nntrain.data.settings import DataSettings
from nntrain.data.streaming import Streamed
from nntrain.errors import NNTrainError
from nntrain.training.evaluation import evaluate_baseline, fit_baseline

TEXTS = {**FIELDS, "told": {"type": "text", "max_length": 5}, "size": {"role": "ignore"}}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    small_blocks(monkeypatch)
    return write(tmp_path, "parquet")


def assert_batches_equal(one: Iterator[Batch], other: Iterator[Batch]) -> None:
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first.rows, second.rows)
        assert first.inputs.keys() == second.inputs.keys()
        assert all(torch.equal(first.inputs[name], second.inputs[name]) for name in first.inputs)
        assert all(torch.equal(first.targets[name], second.targets[name]) for name in first.targets)


@pytest.mark.parametrize(
    "split",
    [
        {},
        pytest.param({"by": "random", "validation": 0.3, "test": None}, marks=pytest.mark.slow),
        pytest.param({"by": "stratified", "validation": 50, "test": 30}, marks=pytest.mark.slow),
        {"column": "part"},
        {"by": "group", "column": "house"},
        {"by": "time", "column": "day"},
        pytest.param({"by": "time"}, marks=pytest.mark.slow),
        pytest.param({"folds": 4, "fold": 2}, marks=pytest.mark.slow),
    ],
)
def test_splits_and_values_are_those_of_rows_in_memory(path: Path, split: dict[str, Any]) -> None:
    fields = {name: field for name, field in TEXTS.items() if name != split.get("column")}
    memory, streamed = both(path, fields=fields, split=split)
    assert memory.splits.keys() == streamed.splits.keys()
    assert memory.fingerprints == streamed.fingerprints
    for part, data in memory.splits.items():
        own = streamed.splits[part]
        assert own.in_blocks
        assert not own.inputs
        assert torch.equal(own.rows, data.rows)
        assert torch.equal(own.target("kind"), data.targets["kind"])
        assert own.targets["kind"].dtype == torch.int8
        assert own.values_per_row >= 1
        for one, other in zip(plain_batches(data, 37), plain_batches(own, 37), strict=True):
            assert one.inputs.keys() == other.inputs.keys()
            for name, values in one.inputs.items():
                torch.testing.assert_close(other.inputs[name], values, rtol=1e-6, atol=1e-6)


def test_given_files_and_weights(path: Path) -> None:
    frame().head(90).write_parquet(path.with_name("later.parquet"))
    fields = {**FIELDS, "house": {"role": "weight"}, "wide": {"role": "target"}}
    data: dict[str, Any] = {"target": None, "fields": {**fields, "kind": {"role": "ignore"}}}
    found: list[TensorData] = []
    for streaming in (False, True):
        settings = {"source": {"type": "parquet", "path": path.name, "test": "later.parquet"}, "streaming": streaming, **data}
        test = prepare(DataSettings.parse(settings), path.parent, seed=0).test
        assert test is not None
        found.append(test)
    assert found[0].weights is not None
    assert found[1].weights is not None
    assert torch.equal(found[0].weights, found[1].weights)
    torch.testing.assert_close(found[1].targets["wide"], found[0].targets["wide"])
    torch.testing.assert_close(found[1].loaded().inputs["@number"], found[0].inputs["@number"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("given", [False, True])
def test_classes_that_training_never_showed_are_told_as_of_rows_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, given: bool
) -> None:
    small_blocks(monkeypatch)
    table = frame().with_row_index()
    held = pl.col("part") != "train"
    strange = table.with_columns(
        pl.when(held & (pl.col("index") % 7 == 0)).then(pl.lit("pink")).otherwise(pl.col("color")).alias("color"),
        pl.when(held & (pl.col("index") % 50 == 1)).then(pl.lit("a|q")).otherwise(pl.col("labels")).alias("labels"),
    ).drop("index")
    path = write(tmp_path, kind, strange)
    data: dict[str, Any] = {"split": {"column": "part"}, "fields": {name: field for name, field in TEXTS.items() if name != "part"}}
    if given:
        write(tmp_path, kind, strange.filter(held)).rename(tmp_path / f"later.{kind}")
        path = write(tmp_path, kind, strange.filter(~held))
        source = {"type": kind, "path": path.name, "validation": f"later.{kind}"}
        data = {"split": {"test": None}, "fields": TEXTS, "source": source}
    told = [sorted(note for note in each.notes if "training never showed" in note) for each in both(path, **data)]
    assert told[0] == told[1]
    assert [("color" in note, "labels" in note) for note in told[0] if note.startswith("validation")] == [(True, False), (False, True)]
    assert any(note.startswith("train: color") for note in told[0]), "fewer than min_count"


@pytest.mark.parametrize("rows", [7, 200])
def test_an_epoch_shows_each_row_once_and_can_be_entered_anywhere(path: Path, rows: int) -> None:
    train = prepared(path, streaming=True, fields=TEXTS).train
    whole = list(epoch_batches(train, rows, seed=1, epoch=2))
    assert torch.cat([batch.rows for batch in whole]).sort().values.tolist() == train.rows.tolist()
    for start in sorted({0, 1, len(whole) // 2, len(whole) - 1, len(whole)}):
        assert_batches_equal(iter(whole[start:]), epoch_batches(train, rows, seed=1, epoch=2, start=start))
    plain = {int(row): batch.inputs["@number"][place] for batch in plain_batches(train, 50) for place, row in enumerate(batch.rows)}
    for batch in whole:
        assert torch.equal(batch.inputs["@number"], torch.stack([plain[int(row)] for row in batch.rows]))


def test_blocks_and_rows_are_in_another_order_each_epoch(path: Path) -> None:
    train = prepared(path, streaming=True).train
    orders = [
        torch.cat([batch.rows for batch in epoch_batches(train, 8, seed=seed, epoch=epoch)]) for seed, epoch in ((0, 0), (0, 1), (1, 0))
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (orders[one] == orders[other]).float().mean() < 0.1
    assert (orders[0].diff().abs() < 5).float().mean() < 0.2, "rows that stand together don't stay together"


@pytest.mark.parametrize("rows", [4, 7, 500])
def test_buckets_of_a_stretch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Every row once an epoch, an order of (seed, epoch) that can be entered anywhere, and less padding."""
    small_blocks(monkeypatch)
    draws = np.random.default_rng(1)
    told = [" ".join(draws.choice(["one", "two", "three"], count).tolist()) for count in draws.integers(1, 30, 400)]
    table = pl.DataFrame({"told": told, "kind": np.array(["x", "y"])[draws.integers(0, 2, 400)]})
    data = prepared(write(tmp_path, "parquet", table), streaming=True, fields={"told": {"type": "text", "max_length": 40}}).train
    store = cast("BlockStore", cast("Streamed", data.streamed).store)
    later = LaterBuckets(rows)
    whole = list(shuffled_batches(data, rows, seed=1, epoch=2, buckets=later))
    plain = list(shuffled_batches(data, rows, seed=1, epoch=2))
    assert [len(batch) for batch in whole] == [len(batch) for batch in plain]
    assert torch.cat([batch.rows for batch in whole]).sort().values.tolist() == data.rows.tolist()
    assert len(data) > 3 * store.stretch_rows
    for start in sorted({0, 1, len(whole) // 2, len(whole) - 1, len(whole)}):
        assert_batches_equal(iter(whole[start:]), shuffled_batches(data, rows, seed=1, epoch=2, start=start, buckets=later))
    again = list(shuffled_batches(data, rows, seed=1, epoch=3, buckets=later))
    assert [batch.rows.tolist() for batch in again] != [batch.rows.tolist() for batch in whole]
    kept = {int(row): batch.inputs["told"][place] for batch in plain_batches(data, 50) for place, row in enumerate(batch.rows)}
    for batch in whole:
        steps = batch.inputs["told"].shape[1]
        assert all(torch.equal(batch.inputs["told"][place], kept[int(row)][:steps]) for place, row in enumerate(batch.rows))
    padded = [sum(batch.inputs["told"].numel() for batch in batches) for batches in (whole, plain)]
    assert padded[0] < 0.75 * padded[1] or rows == 500


def test_micro_batches_of_a_stretch_have_similar_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    words = pl.Series("told", [" ".join(["one"] * (1 + row * 7 % 30)) for row in range(400)])
    data = prepared(write(tmp_path, "parquet", pl.DataFrame([words, frame()["kind"]])), streaming=True, fields={"told": "text"}).train
    parts = [part for batch in shuffled_batches(data, 8, seed=0, epoch=0, buckets=LaterBuckets(4)) for part in batch.split(4)]
    lengths = [part.inputs["told.lengths"] for part in parts]
    assert sum(int(own.max() - own.min()) <= 4 for own in lengths) > 0.7 * len(lengths)


def test_requests_are_read_by_a_process_that_has_a_copy_of_the_store(path: Path) -> None:
    streamed = prepared(path, streaming=True, fields=TEXTS).train.streamed
    assert streamed is not None
    copied = pickle.loads(pickle.dumps(streamed.store))
    copied.open_as(77)
    places = streamed.places.index_select(0, torch.tensor([3, 1, 100]))
    own, other = streamed.store.request(places), replace(copied.request(places), store=77)
    read = pickle.loads(pickle.dumps(other)).read()
    assert all(torch.equal(values, read[name]) for name, values in own.read().items())


@pytest.mark.slow
def test_workers_read_the_same(path: Path) -> None:
    alone = prepared(path, streaming=True, fields=TEXTS)
    others = prepared(path, streaming=True, workers=2, fields=TEXTS)
    assert_batches_equal(
        epoch_batches(alone.train, 16, seed=0, epoch=1, start=3), epoch_batches(others.train, 16, seed=0, epoch=1, start=3)
    )
    assert alone.validation is not None
    assert others.validation is not None
    assert_batches_equal(plain_batches(alone.validation, 16), plain_batches(others.validation, 16))
    assert not multiprocessing.active_children()


def test_some_rows_are_those_rows(path: Path) -> None:
    train = prepared(path, streaming=True, fields=TEXTS).train
    whole = train.loaded()
    index = torch.tensor([200, 3, 77, 76, 4, 150])
    some = train.take(index)
    assert torch.equal(some.loaded().inputs["@number"], whole.inputs["@number"][index])
    batch = some.batch(1, 4)
    assert torch.equal(batch.inputs["@number"], whole.inputs["@number"][index[1:4]])
    assert torch.equal(batch.inputs["told.lengths"], whole.batch(0, len(whole)).inputs["told.lengths"][index[1:4]])
    assert torch.equal(train.head(5).loaded().inputs["@category"], whole.inputs["@category"][:5])
    assert len(list(islice(plain_batches(some, 2), 9))) == 3


def test_stretches_have_whole_blocks() -> None:
    starts = torch.arange(0, 100, 10)
    places = torch.tensor([row for row in range(100) if row % 3 and not 30 <= row < 50])
    spans = spans_of(places, starts)
    assert [(places[start].item() // 10, places[end - 1].item() // 10) for start, end in spans] == [
        (block, block) for block in (0, 1, 2, 5, 6, 7, 8, 9)
    ]
    assert spans_of(places.flip(0), starts)[0] == (0, 6)
    stretches = Stretches.shuffled(spans, 14, seed=0, epoch=3)
    held = torch.cat([torch.unique(places[stretches.positions(number)] // 10) for number in range(len(stretches))])
    assert held.sort().values.tolist() == [0, 1, 2, 5, 6, 7, 8, 9]
    assert stretches.edges[-1] == len(places)
    assert all(stretches.at(stretches.edges[number]) == number for number in range(len(stretches)))
    assert spans_of(places[:0], starts) == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"window": {"past": 3}}, "windows go over rows"),
        ({"batch": {"sampler": "balanced"}}, "draws rows from all over the file"),
        ({"batch": {"tokens": 90}, "fields": {"told": {"type": "text"}}}, "only the lengths of all rows tell"),
        ({"batch_size": "full"}, "full takes all rows"),
        ({"fields": {"told": {"type": "text", "role": "target"}}, "target": None}, "rows of different lengths"),
        ({"fields": {"size": {"type": "number"}}, "workers": 2, "streaming": False}, "without streaming"),
    ],
)
def test_what_needs_all_rows_is_told_at_check(path: Path, data: dict[str, Any], told: str) -> None:
    settings = DataSettings.parse({"source": path.name, "target": "kind", "streaming": True, **data})
    problems = plan_layout(settings, path.parent, look=True)[1]
    assert any(told in problem.message for problem in problems), problems


def test_packed_files_are_refused(tmp_path: Path) -> None:
    import gzip

    with gzip.open(tmp_path / "table.csv.gz", "wt") as file:
        file.write(frame().write_csv())
    settings = DataSettings.parse({"source": "table.csv.gz", "target": "kind", "streaming": True})
    problems = plan_layout(settings, tmp_path, look=True)[1]
    assert any("packed" in problem.message and "unpack it" in str(problem.hint) for problem in problems)


def test_encoded_blocks_are_kept_and_mean_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept, damaged, deleted or not kept at all: the bytes are those of one order."""
    folder = path.parent / "kept"
    monkeypatch.setenv("NNTRAIN_CACHE", "")
    alone = prepared(path, streaming=True, fields=TEXTS)
    expected = list(epoch_batches(alone.train, 16, seed=0, epoch=0))
    assert not any("kept in" in note for note in alone.notes)
    monkeypatch.setenv("NNTRAIN_CACHE", str(folder))
    kept = prepared(path, streaming=True, fields=TEXTS)
    assert any(f"kept in {folder}" in note and "--no-cache" in note for note in kept.notes)
    assert_batches_equal(iter(expected), epoch_batches(kept.train, 16, seed=0, epoch=0))
    files = sorted(folder.rglob("*.block"))
    assert len(files) >= 4
    with monkeypatch.context() as patched:
        patched.setattr(BlockStore, "_encoded", None)
        assert_batches_equal(iter(expected), epoch_batches(kept.train, 16, seed=0, epoch=0))
    files[0].write_bytes(files[0].read_bytes()[:-5])
    files[1].unlink()
    assert_batches_equal(iter(expected), epoch_batches(kept.train, 16, seed=0, epoch=0))


def test_what_is_kept_belongs_to_one_content_and_one_fit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNTRAIN_CACHE", str(path.parent / "kept"))

    def folder(**data: Any) -> Path:
        store = prepared(path, streaming=True, **data).train.streamed.store  # pyright: ignore[reportOptionalMemberAccess]
        assert isinstance(store, BlockStore)
        assert store.cache is not None
        return store.cache.folder

    first = folder()
    assert folder(batch_size=7) == first
    assert folder(split={"validation": 0.3}) != first, "the rows that were learned from are others"
    old = path.parent / "kept" / "blocks" / "old"
    old.mkdir()
    os.utime(old, (0, 0))
    frame().head(390).write_parquet(path, row_group_size=90)
    assert folder() != first
    assert not old.exists(), "what nobody used for long is deleted"


def test_whether_rows_can_be_split_is_tried_a_block_at_a_time(path: Path) -> None:
    def settings(**split: Any) -> DataSettings:
        return DataSettings.parse({"source": path.name, "target": "kind", "streaming": True, "split": split})

    try_split(settings(by="group", column="house", folds=4, fold=1), path.parent, seed=0)
    with pytest.raises(NNTrainError, match="40 groups cannot give 41 folds"):
        try_split(settings(by="group", column="house", folds=41, fold=1), path.parent, seed=0)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_what_decides_about_rows_takes_few_bytes_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Text and whole numbers of few values take a byte a row, what has many stays as it is; either way rows are those in memory."""
    monkeypatch.setattr(deciding, "MOST_WORDS", 30)
    small_blocks(monkeypatch)
    path = write(tmp_path, kind)
    blocks = DataSettings.parse({"source": path.name}).source.blocks(path, path.name, 6_000)
    table = deciding.deciding(blocks, ["kind", "grade", "house", "first"], {})
    assert len(blocks) > 2
    assert [len(str(table.columns[name].dtype)) > 20 for name in ("kind", "grade", "house", "first")] == [True, True, False, False]
    assert table.words("kind").to_physical().dtype == pl.UInt8
    whole = DataSettings.parse({"source": path.name}).source.read(path, path.name)
    for name in ("kind", "grade", "house"):
        assert table.texts(name).to_list() == whole.texts(name).to_list()
        assert table.words(name).to_list() == whole.texts(name).to_list()
    assert np.array_equal(table.numbers("grade"), whole.numbers("grade"))
    memory, streamed = both(path, target="house", fields={"kind": "category"}, split={"by": "random"})
    assert torch.equal(streamed.train.target("house"), memory.train.targets["house"])
    assert streamed.train.rows.dtype == torch.int32


def test_the_trivial_prediction_is_that_of_rows_in_memory(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Classes of streamed rows take a byte each, also where all of them are counted; to measure it no block is read."""
    found: list[Tensor] = []
    scores: list[Any] = []
    for streaming in (False, True):
        data = {"source": path.name, "target": "kind", "fields": {**FIELDS, "size": {"role": "ignore"}}, "streaming": streaming}
        config = {"name": "t", "data": data, "architecture": {"type": "mlp", "hidden": [2]}, "training": {"max_epochs": 1}}
        job = prepare_job(read_mapping(config, (), tmp_path))
        session = assemble(job.blueprint, job.prepared, 1).session
        found.append(fit_baseline(session.objective, session.splits.train)["kind"])
        with monkeypatch.context() as patch:
            patch.setattr("nntrain.data.blockwise.store.BlockStore.request", None)
            scores.append(evaluate_baseline(session.objective, {"kind": found[-1]}, session.splits.train))
        assert session.splits.train.targets["kind"].dtype == (torch.int8 if streaming else torch.int64)
    assert torch.equal(found[0], found[1])
    assert scores[0] == scores[1]
