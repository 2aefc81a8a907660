"""Images that are read when their batch comes: the same values as in memory, by whomever, and every fault in words."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import tracemalloc
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.data import streaming
from nntrain.data.batches import Batch, TensorData, epoch_batches, ordered_batches, plain_batches
from nntrain.data.image_stream import ImageStore
from nntrain.data.layout import plan_layout
from nntrain.data.orders import turns_of
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.data.streaming import Reading, check_shared_memory
from nntrain.errors import DataError, ResourceError
from nntrain.training.class_orders import balanced_order
from nntrain.training.evaluation import evaluate_baseline, evaluate_portions, evaluate_predictions, fit_baseline


def photos(root: Path, count: int = 30, size: int = 6, gray: int = 0) -> Path:
    """Images of three classes; every `gray`-th has one channel."""
    draws = np.random.default_rng(0)
    for number in range(count):
        path = root / "abc"[number % 3] / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draws.integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels[:, :, 0] if gray and number % gray == 0 else pixels).save(path)
    return root


def prepared(root: Path, field: dict[str, Any] | None = None, **data: Any) -> Prepared:
    tree = {"source": {"type": "image_folder", "path": root.as_posix()}, "fields": {"image": {"type": "image", **(field or {})}}, **data}
    return prepare(DataSettings.parse(tree), root.parent, seed=0)


def both(root: Path, workers: int = 0, **field: Any) -> tuple[Prepared, Prepared]:
    """In memory, and streamed."""
    return prepared(root, field), prepared(root, field, streaming=True, workers=workers)


def assert_same(one: Iterator[Batch], other: Iterator[Batch]) -> None:
    for first, second in zip(one, other, strict=True):
        assert first.inputs.keys() == second.inputs.keys()
        assert all(torch.equal(first.inputs[name], second.inputs[name]) for name in first.inputs)
        assert torch.equal(first.rows, second.rows)
        assert all(torch.equal(first.targets[name], second.targets[name]) for name in first.targets)


@pytest.mark.parametrize(
    "field",
    [{}, {"normalize": "standard"}, {"normalize": "standard", "channels": 1}, {"size": (4, 7), "normalize": [-1, 1]}, {"channels": "rgb"}],
)
def test_values_are_those_of_rows_in_memory(tmp_path: Path, field: dict[str, Any]) -> None:
    memory, streamed = both(photos(tmp_path / "photos", gray=4), **field)
    assert "image" not in streamed.train.inputs
    learned = [data.fields.fields[0].state for data in (memory, streamed)]
    assert all(torch.equal(learned[0][name], learned[1][name]) for name in ("offset", "scale"))
    assert learned[0]["sizes"] == learned[1]["sizes"]
    assert memory.fingerprints == streamed.fingerprints
    for part, data in memory.splits.items():
        assert_same(plain_batches(data, 4), plain_batches(streamed.splits[part], 4))
        assert data.values_per_row == streamed.splits[part].values_per_row
    assert_same(epoch_batches(memory.train, 4, seed=1, epoch=2, start=3), epoch_batches(streamed.train, 4, seed=1, epoch=2, start=3))
    assert torch.equal(streamed.train.loaded().inputs["image"], memory.train.inputs["image"])


def test_gray_images_alone_keep_one_channel(tmp_path: Path) -> None:
    memory, streamed = both(photos(tmp_path / "photos", gray=1), normalize="standard")
    assert streamed.layout.inputs["image"].sizes == (1, 6, 6)
    assert_same(plain_batches(memory.train, 8), plain_batches(streamed.train, 8))


def test_files_of_an_archive_and_balanced_classes_read_by_workers(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted(root.rglob("*.png")):
            archive.write(path, path.relative_to(root).as_posix())
    memory = prepared(tmp_path / "photos.zip")
    streamed = prepared(tmp_path / "photos.zip", streaming=True, workers=2)
    order = balanced_order(memory.train.targets["label"], seed=0, epoch=1)
    pair = [ordered_batches(data.train, 5, order, turns=turns_of(order)) for data in (memory, streamed)]
    assert_same(*pair)
    assert not multiprocessing.active_children(), "they end with the batches that they were started for"


def test_splits_share_the_processes_and_an_order_goes_on_where_it_was(tmp_path: Path) -> None:
    memory, streamed = both(photos(tmp_path / "photos"), workers=2)
    reading = streamed.fields.reading
    assert reading is not None
    assert streamed.validation is not None
    assert memory.validation is not None
    with reading.kept():
        train = zip(epoch_batches(memory.train, 3, seed=0, epoch=0), epoch_batches(streamed.train, 3, seed=0, epoch=0), strict=True)
        for step, (one, other) in enumerate(train):
            assert torch.equal(one.inputs["image"], other.inputs["image"])
            if step % 3 == 1:  # an evaluation, which a signal may cut short
                own = plain_batches(streamed.validation, 2)
                assert torch.equal(next(own).inputs["image"], next(plain_batches(memory.validation, 2)).inputs["image"])
            assert len(multiprocessing.active_children()) == 2
    assert not multiprocessing.active_children()


@pytest.mark.parametrize("workers", [0, 2])
def test_no_global_random_number_is_drawn(tmp_path: Path, workers: int) -> None:
    """Else a resumed run would draw others than one that was never stopped."""
    streamed = prepared(photos(tmp_path / "photos"), streaming=True, workers=workers)
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    assert len(list(epoch_batches(streamed.train, 3, seed=0, epoch=0))) == 8
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert before[2] == str(np.random.get_state())


def test_broken_images_are_told_at_the_start_as_for_rows_in_memory(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos")
    damaged = root / "a" / "00003.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    (root / "b" / "00004.png").write_bytes(b"no image")
    told: list[str] = []
    for streams in (False, True):
        with pytest.raises(DataError, match=r"2 of 30 images cannot be read") as error:
            prepared(root, {"size": 6}, streaming=streams)
        told.append(str(error.value))
    assert told[1] == told[0]
    assert damaged.stat().st_size == 60, "files of the user are never written"


def test_several_sizes_are_told_at_the_start(tmp_path: Path) -> None:
    root = photos(tmp_path / "photos", count=600)  # the head of a hundred files is looked at before
    Image.new("RGB", (9, 6)).save(root / "a" / "99999.png")
    with pytest.raises(DataError, match=r"2 sizes \(height x width\): 6 x 6 .*, 6 x 9 \(a/99999.png\)"):
        prepared(root, streaming=True)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("what", ["gone", "cut off", "other size"])
def test_an_image_that_changes_after_the_start_is_named(tmp_path: Path, what: str, workers: int) -> None:
    streamed = prepared(photos(tmp_path / "photos"), streaming=True, workers=workers)
    path = next(path for path in sorted((tmp_path / "photos").rglob("*.png")) if _trains(streamed.train, path))
    if what == "gone":
        path.unlink()
    elif what == "cut off":
        path.write_bytes(path.read_bytes()[:-40])
    else:
        Image.new("RGB", (9, 6)).save(path)
    with pytest.raises(DataError, match="an image has changed since it was looked at") as error:
        list(epoch_batches(streamed.train, 3, seed=0, epoch=0))
    assert path.name in str(error.value)
    assert "--resume" in str(error.value)
    assert error.value.exit_code == 3
    del error
    gc.collect()
    assert not multiprocessing.active_children()


def _trains(data: TensorData, path: Path) -> bool:
    assert data.streamed is not None
    store = data.streamed.store
    assert isinstance(store, ImageStore)
    names = store.files["image"].names.to_list()
    return names.index(f"{path.parent.name}/{path.name}") in cast("list[int]", data.streamed.places.tolist())


def test_a_process_that_is_killed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    streamed = prepared(photos(tmp_path / "photos", count=90), streaming=True, workers=2)
    reading = streamed.fields.reading
    assert reading is not None
    with reading.kept(), pytest.raises(ResourceError, match=r"process \d+ \(killed by SIGKILL\)") as error:  # noqa: PT012
        for batch in epoch_batches(streamed.train, 2, seed=0, epoch=0):
            assert len(batch)
            for process in multiprocessing.active_children()[:1]:
                os.kill(process.pid or 0, 9)
                process.join()
    assert "data.workers" in str(error.value)
    assert not multiprocessing.active_children()


def test_too_little_shared_memory_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "SHARED_MEMORY", tmp_path)
    free = os.statvfs(tmp_path)
    available = free.f_bavail * free.f_frsize
    check_shared_memory(2, available // 6)
    check_shared_memory(0, 10 * available)  # nobody shares anything
    with pytest.raises(ResourceError, match=r"data.workers: 2 \(num_workers\) may need .* 5 batches of") as error:
        check_shared_memory(2, available // 4)
    assert "docker run --shm-size" in str(error.value)
    assert error.value.exit_code == 7


AUTOENCODER = {"image": {"type": "image", "role": ["input", "target"]}, "label": {"role": "ignore"}}


@pytest.mark.parametrize(
    ("data", "setting", "told"),
    [
        ({"workers": 2}, "workers", "has no effect: without streaming all rows are kept in memory"),
        ({"streaming": True, "fields": AUTOENCODER}, "streaming", "has no effect: no input is read when its batch comes"),
        ({"streaming": True, "source": {"type": "builtin", "name": "digits"}}, "streaming", "has no effect: no input is read when"),
    ],
)
def test_settings_without_effect(tmp_path: Path, data: dict[str, Any], setting: str, told: str) -> None:
    photos(tmp_path / "photos", count=6)
    settings = DataSettings.parse({"source": {"type": "image_folder", "path": "photos"}, **data})
    problems = plan_layout(settings, tmp_path, look=True)[1]
    assert [problem.path for problem in problems] == [("data", setting)]
    assert told in problems[0].message


def test_images_that_are_targets_stay_in_memory(tmp_path: Path) -> None:
    """Beside one that is streamed: pictures and what is to be made of them."""
    for kind in ("rough", "clean"):
        for path in sorted(photos(tmp_path / kind).rglob("*.png")):
            path.rename(tmp_path / kind / path.name)
    tree = {
        "source": {"type": "files", "path": {"rough": "rough/{id}.png", "clean": "clean/{id}.png"}},
        "fields": {"clean": {"role": "target"}, "id": {"role": "ignore"}},
    }
    memory = prepare(DataSettings.parse(tree), tmp_path, seed=0)
    streamed = prepare(DataSettings.parse({**tree, "streaming": True}), tmp_path, seed=0)
    assert streamed.train.streamed is not None
    assert streamed.train.streamed.store.names == ("rough",)
    assert streamed.train.targets["clean"].dtype == torch.uint8
    assert_same(plain_batches(memory.train, 4), plain_batches(streamed.train, 4))


def test_no_image_is_read_to_measure_the_trivial_prediction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take a thousand of them at once."""
    photos(tmp_path / "photos")
    scores: list[Any] = []
    for streams in (False, True):
        data = {"source": {"type": "image_folder", "path": "photos"}, "streaming": streams}
        job = prepare_job(read_mapping({"name": "t", "data": data, "architecture": {"type": "cnn", "channels": [2]}}, (), tmp_path))
        session = assemble(job.blueprint, job.prepared, 1).session
        train, objective = session.splits.train, session.objective
        with monkeypatch.context() as patch:
            patch.setattr("nntrain.data.image_stream.ImageStore.request", None)
            patch.setattr("nntrain.data.pixels.PixelScaling.normalize", None)  # nor made into what the network reads
            scores.append(evaluate_baseline(objective, fit_baseline(objective, train), train))
            scores.append(evaluate_predictions(objective, {"label": torch.full((len(train), 3), 0.5)}, train))
            scores.append(evaluate_portions(objective, lambda start, end: {"label": torch.full((end - start, 3), 0.5)}, train, 7))
    assert scores[0].metrics
    assert scores[:3] == scores[3:]


def test_memory_is_that_of_names_and_of_the_batches_in_work(tmp_path: Path) -> None:
    """An image of 64 x 64 has 12,288 bytes: in memory a row takes them and more, streamed well under one in forty of them."""
    peaks: dict[tuple[bool, int], int] = {}
    for count in (30, 150):
        root = photos(tmp_path / f"photos{count}", count=count, size=64)
        for streams in (False, True):
            prepared(root, {"normalize": "standard"}, streaming=streams)  # what is loaded once
            taken: list[int] = []
            for _ in range(2):  # in one of them Python may enlarge its table of names, once and by as much as it has of all tests before
                tracemalloc.start()
                found = prepared(root, {"normalize": "standard"}, streaming=streams)
                taken.append(tracemalloc.get_traced_memory()[0])
                tracemalloc.stop()
                del found
            peaks[streams, count] = min(taken)
    assert (peaks[False, 150] - peaks[False, 30]) / 120 > 12_288
    assert (peaks[True, 150] - peaks[True, 30]) / 120 < 300
    found = prepared(tmp_path / "photos150", streaming=True)
    for batch in islice(epoch_batches(found.train, 8, seed=0, epoch=0), 4):
        alive = sum(each.nbytes for each in gc.get_objects() if isinstance(each, torch.Tensor) and each.ndim == 4)
        assert alive <= 3 * batch.inputs["image"].nbytes


def test_a_reading_of_other_workers_reads_the_same(tmp_path: Path) -> None:
    streamed = prepared(photos(tmp_path / "photos"), streaming=True)
    assert streamed.train.streamed is not None
    three = replace(streamed.train, streamed=replace(streamed.train.streamed, reading=Reading(3)))
    assert_same(plain_batches(streamed.train, 2), plain_batches(three, 2))
