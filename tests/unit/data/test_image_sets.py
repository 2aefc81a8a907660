"""MNIST, CIFAR and their kind: known without files, read from the files that people have."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nntrain.data.image_sets import IMAGE_SETS
from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError, DataError

RANDOM = np.random.default_rng(0)


def settings(name, path="set"):
    return DataSettings.parse({"source": {"type": "builtin", "name": name, "path": path}})


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_mnist(folder, packed, rows=40):
    folder.mkdir()
    labels = np.arange(rows, dtype=np.uint8) % 10
    images = RANDOM.integers(0, 256, (rows, 28, 28), dtype=np.uint8)
    for part in ("train", "t10k"):
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            (folder / f"{name}{'.gz' if packed else ''}").write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    return images, labels


def write_cifar(folder, label_bytes, classes, rows=40):
    folder.mkdir()
    labels = np.arange(rows, dtype=np.uint8) % classes
    images = RANDOM.integers(0, 256, (rows, 3, 32, 32), dtype=np.uint8)
    coarse = np.full((rows, label_bytes - 1), 3, dtype=np.uint8)
    content = np.concatenate([coarse, labels[:, None], images.reshape(rows, -1)], axis=1).tobytes()
    for name in [name for names in IMAGE_SETS[f"cifar{classes}"].files.values() for name in names]:
        (folder / name).write_bytes(content)
    return images, labels


@pytest.mark.parametrize(
    ("name", "shape", "classes"), [("mnist", (1, 28, 28), 10), ("cifar10", (3, 32, 32), 10), ("cifar100", (3, 32, 32), 100)]
)
def test_sizes_and_classes_are_known_without_files(name, shape, classes):
    layout, problems = plan_layout(settings(name), Path(), look=False)
    assert not problems
    assert layout.inputs["image"].sizes == shape
    assert layout.targets[0].spec.classes == classes == len(layout.targets[0].classes)
    assert layout.has_test


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_mnist_files(tmp_path, packed, name):
    images, labels = write_mnist(tmp_path / "set", packed)
    found = prepare(settings(name), tmp_path, seed=0)
    assert {part: len(data) for part, data in found.splits.items()} == {"train": 36, "validation": 4, "test": 40}
    assert torch.equal(found.test.inputs["image"], torch.from_numpy(images)[:, None])
    assert found.test.targets["label"].tolist() == labels.tolist()
    assert found.fields.targets["label"].classes == IMAGE_SETS[name].classes


@pytest.mark.parametrize(("label_bytes", "classes"), [(1, 10), (2, 100)])
def test_cifar_files(tmp_path, label_bytes, classes):
    images, labels = write_cifar(tmp_path / "set", label_bytes, classes, rows=200)
    found = prepare(settings(f"cifar{classes}"), tmp_path, seed=0)
    assert torch.equal(found.test.inputs["image"], torch.from_numpy(images))
    assert found.test.targets["label"].tolist() == labels.tolist()


def test_arrays_in_a_file(tmp_path):
    images = RANDOM.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    labels = np.arange(30)[:, None] % 10
    np.savez(tmp_path / "c.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    found = prepare(settings("cifar10", "c.npz"), tmp_path, seed=0)
    assert torch.equal(found.test.inputs["image"], torch.from_numpy(images).permute(0, 3, 1, 2))
    np.savez(tmp_path / "d.npz", x_train=images)
    with pytest.raises(DataError, match=r"d\.npz has no array y_train"):
        prepare(settings("cifar10", "d.npz"), tmp_path, seed=0)


def test_pickles_are_refused_and_missing_files_named(tmp_path):
    (tmp_path / "set" / "cifar-10-batches-py").mkdir(parents=True)
    with pytest.raises(DataError, match=r"lacks files of the set: data_batch_1\.bin(.|\n)*pickles, which can run code"):
        plan_layout(settings("cifar10"), tmp_path, look=True)
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.* \(each may end in \.gz\)"):
        plan_layout(settings("mnist"), tmp_path, look=True)


@pytest.mark.parametrize("name", IMAGE_SETS)
def test_a_set_without_its_files_is_known_and_not_read(name, tmp_path):
    bare = DataSettings.parse({"source": {"builtin": name}})
    assert plan_layout(bare, tmp_path, look=False)[1] == ()
    layout, problems = plan_layout(bare, tmp_path, look=True)
    assert [problem.path for problem in problems] == [("data", "source")]
    assert problems[0].message == f"{name} does not ship with nntrain; path: the folder with its files, or a .npz file"
    assert layout.targets[0].classes == IMAGE_SETS[name].classes, "what is known is planned, so that other faults are told as well"
    with pytest.raises(ConfigError, match="does not ship"):
        prepare(bare, tmp_path, seed=0)


def test_digits_have_no_path():
    with pytest.raises(ValidationError, match="digits ships with nntrain; remove path"):
        DataSettings.parse({"source": {"builtin": {"name": "digits", "path": "digits.npz"}}})


def test_files_that_are_cut_off(tmp_path):
    write_mnist(tmp_path / "set", packed=False)
    path = tmp_path / "set" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DataError, match="train-images-idx3-ubyte is cut off"):
        prepare(settings("mnist"), tmp_path, seed=0)
