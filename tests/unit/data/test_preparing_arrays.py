from pathlib import Path

import numpy as np
import pytest
import torch

from nntrain.data.batches import plain_batches
from nntrain.data.fitted import FittedFields
from nntrain.data.new_rows import complete, read_new
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError
from nntrain.specs import RAGGED


def test_ragged_series(tmp_path):
    lengths = np.arange(40) % 5 + 1
    steps = np.repeat(np.arange(40), lengths) * 10.0 + np.concatenate([np.arange(length) for length in lengths])
    np.savez(tmp_path / "a.npz", steps=np.stack([steps, -steps], 1), lengths=lengths, y=np.arange(40) % 2)
    fields = {"x": {"type": "series", "values": "steps", "lengths": "lengths", "normalize": "none", "max_length": 4}}
    found = prepare(DataSettings.parse({"source": "a.npz", "target": "y", "fields": fields}), tmp_path, seed=0)
    assert found.layout.inputs["x"].sizes == (RAGGED, 2)
    for data in (found.train, found.validation, found.test):
        assert len(data.stored["x"].values) == int(data.stored["x"].lengths.sum())
        batch = next(plain_batches(data, len(data)))
        for place, row in enumerate(data.rows.tolist()):
            length = min(int(lengths[row]), 4)
            assert batch.inputs["x.lengths"][place] == length
            assert batch.inputs["x"][place, :length, 0].tolist() == [row * 10 + step for step in range(length)]
            assert (batch.inputs["x"][place, length:] == 0).all()
    np.savez(tmp_path / "b.npz", steps=steps, lengths=lengths + 1, y=np.arange(40) % 2)
    with pytest.raises(DataError, match="the lengths in lengths add up to 160, and steps has 120 steps"):
        prepare(DataSettings.parse({"source": "b.npz", "target": "y", "fields": fields}), tmp_path, seed=0)


def test_arrays_of_another_length_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((8, 2)), y=np.arange(8) % 2, z=np.zeros(9))
    with pytest.raises(DataError, match=r"a\.npz: z has 9 rows, and most arrays have 8"):
        prepare(DataSettings.parse({"source": "a.npz", "target": "y"}), tmp_path, seed=0)


def read_as_batch(data):
    return data.batch(0, len(data)).inputs["photo"]


@pytest.mark.parametrize(
    ("options", "shape", "low", "high"),
    [
        ({}, (3, 6, 5), 0, 1),
        ({"channels": "gray"}, (1, 6, 5), 0, 1),
        ({"size": 8}, (3, 8, 8), 0, 1),
        ({"normalize": [-1, 1]}, (3, 6, 5), -1, 1),
        ({"normalize": "imagenet"}, (3, 6, 5), -2.2, 2.7),
        ({"normalize": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}}, (3, 6, 5), -1, 1),
    ],
)
def test_images(tmp_path, options, shape, low, high):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 6, 5, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", photo=pixels, y=np.arange(30) % 3)
    settings = DataSettings.parse({"source": "a.npz", "target": "y", "fields": {"photo": {"type": "image", **options}}})
    found = prepare(settings, tmp_path, seed=0)
    assert found.train.inputs["photo"].dtype == torch.uint8
    images = read_as_batch(found.train)
    assert tuple(images.shape[1:]) == shape == found.layout.inputs["photo"].sizes
    assert low <= images.min() < images.max() <= high
    if not options:
        row = int(found.train.rows[0])
        assert torch.equal(images[0], torch.from_numpy(pixels[row]).permute(2, 0, 1) / 255)
    again = FittedFields.restore(settings, found.fields.state()).encode(
        complete(read_new(settings, tmp_path / "a.npz", found.fields), found.fields), with_targets=False
    )
    assert torch.equal(read_as_batch(again)[found.train.rows], images)


def test_images_scaled_by_channel_and_float_images_out_of_range(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 6, 5), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", photo=pixels, y=np.arange(30) % 3)
    settings = {"target": "y", "fields": {"photo": {"type": "image", "normalize": "standard", "channels": 3}}}
    images = read_as_batch(prepare(DataSettings.parse({"source": "a.npz", **settings}), tmp_path, seed=0).train)
    assert images.shape[1] == 3
    assert torch.allclose(images.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-5)
    np.savez(tmp_path / "b.npz", photo=pixels.astype("f4"), y=np.arange(30) % 3)
    with pytest.raises(DataError, match=r"b.npz: photo has values from 0 to 255; an image is uint8, or has values in \[0, 1\]"):
        prepare(DataSettings.parse({"source": "b.npz", **settings}), tmp_path, seed=0)


def test_digits():
    found = prepare(DataSettings.parse({"source": {"builtin": "digits"}}), Path(), seed=0)
    assert found.train.inputs["image"].shape == (1437, 1, 8, 8)
    assert (float(found.train.inputs["image"].min()), float(found.train.inputs["image"].max())) == (0, 1)
    assert found.train.targets["label"].bincount().min() > 130
    assert found.fields.targets["label"].decode(torch.tensor([3])) == ["3"]
    assert found.notes[1] == "train 1,437, validation 180, test 180; stratified, seed 0"
