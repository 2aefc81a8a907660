"""Random changes of training images: what each does, and that a row's draws depend on nothing but (seed, epoch, row)."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from nntrain.data.augmentation.augmenter import Augmenter
from nntrain.data.augmentation.draws import Draws, keys_on_device
from nntrain.data.augmentation.settings import AUGMENTATIONS
from nntrain.data.batches import TensorData, ordered_batches
from nntrain.data.fields.image import Image
from nntrain.data.noise import row_keys
from nntrain.data.orders import epoch_order
from nntrain.data.pixels import PixelScaling
from nntrain.errors import SpecError
from nntrain.schema import Slot

ROWS = torch.arange(64)
IMAGES = torch.rand(64, 3, 9, 7, generator=torch.Generator().manual_seed(0))

EACH = [
    "flip",
    {"flip": {"direction": "vertical"}},
    {"crop": 2},
    {"crop": {"padding": 3, "padding_mode": "reflect"}},
    {"rotate": 30},
    {"shift": 0.2},
    {"zoom": [0.7, 1.4]},
    "random_resized_crop",
    {"jitter": {"brightness": 0.4, "contrast": 0.3, "saturation": 0.5}},
    "erasing",
    {"noise": 0.1},
]


def build(written):
    return Slot("augmentation", (AUGMENTATIONS,)).validate(written).build()


def apply(written, images=IMAGES, rows=ROWS, key=0):
    return build(written)(images, Draws(key, rows))


def test_every_augmentation_is_among_these():
    assert {next(iter(written)) if isinstance(written, dict) else written for written in EACH} == set(AUGMENTATIONS)


@pytest.mark.parametrize("written", EACH, ids=str)
def test_what_happens_to_a_row_does_not_depend_on_its_batch(written):
    whole = apply(written)
    assert whole.shape == IMAGES.shape
    assert whole.dtype == torch.float32
    assert torch.isfinite(whole).all()
    assert not torch.equal(whole, IMAGES)
    order = torch.randperm(64)
    torch.testing.assert_close(apply(written, IMAGES[order], ROWS[order]), whole[order], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(apply(written, IMAGES[5:6], ROWS[5:6]), whole[5:6], rtol=1e-6, atol=1e-6)
    assert not torch.equal(apply(written, key=1), whole)


def test_draws_are_those_of_the_rows_of_a_split():
    seed = 2**62 + 12345
    wanted = row_keys(seed, np.arange(1000))
    assert keys_on_device(seed, torch.arange(1000)).numpy().view(np.uint64).tolist() == wanted.tolist()
    numbers = Draws(7, torch.arange(20_000)).uniform("x")
    assert 0 <= numbers.min() < numbers.max() < 1
    assert abs(float(numbers.mean()) - 0.5) < 0.01
    normal = Draws(7, torch.arange(200)).normal("x", 100)
    assert abs(float(normal.mean())) < 0.02
    assert abs(float(normal.std()) - 1) < 0.02


def test_flip_of_all_is_torch_flip():
    assert torch.equal(apply({"flip": 1.0}), IMAGES.flip(3))
    assert torch.equal(apply({"flip": {"p": 1.0, "direction": "vertical"}}), IMAGES.flip(2))
    half = apply("flip")
    flipped = (half == IMAGES.flip(3)).all(dim=(1, 2, 3))
    assert 20 < int(flipped.sum()) < 44
    assert torch.equal(half[~flipped], IMAGES[~flipped])


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_crop_cuts_a_window_out_of_the_padded_image(mode):
    padded = torch.nn.functional.pad(IMAGES, (2, 2, 2, 2), mode=mode)
    places = set()
    for row, found in enumerate(apply({"crop": {"padding": 2, "padding_mode": mode}})):
        fits = [(y, x) for y in range(5) for x in range(5) if torch.equal(padded[row, :, y : y + 9, x : x + 7], found)]
        assert len(fits) == 1
        places.add(fits[0])
    assert len(places) > 15


def test_rotate_keeps_the_middle_and_turns_the_rest():
    spot = torch.zeros(64, 1, 21, 31)
    spot[:, :, 10, 15] = 1
    assert torch.allclose(apply({"rotate": 180}, spot)[:, 0, 10, 15], torch.ones(64), atol=1e-4)
    side = torch.zeros(64, 1, 21, 31)
    side[:, :, 10, 20:23] = 1
    turned = apply({"rotate": 180}, side)
    y, x = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(31.0) - 15, indexing="ij")
    mass = turned.sum(dim=(1, 2, 3))
    distance = ((turned * y).sum(dim=(1, 2, 3)) / mass) ** 2 + ((turned * x).sum(dim=(1, 2, 3)) / mass) ** 2
    assert torch.allclose(distance.sqrt(), torch.full((64,), 6.0), atol=0.1)


def test_shift_and_zoom_move_the_middle_of_mass_as_they_say():
    spot = torch.zeros(256, 1, 21, 21)
    spot[:, :, 8:13, 8:13] = 1
    moved = apply({"shift": 0.2}, spot, torch.arange(256))
    x = torch.arange(21.0) - 10
    middle = (moved.sum(dim=(1, 2)) * x).sum(1) / moved.sum(dim=(1, 2, 3))
    assert 3 < float(middle.max()) <= 4.25
    assert -4.25 <= float(middle.min()) < -3
    area = apply({"zoom": [0.5, 2]}, spot, torch.arange(256)).sum(dim=(1, 2, 3)) / 25
    assert 0.2 < float(area.min()) < 0.4
    assert 3 < float(area.max()) < 4.2
    assert torch.equal(apply({"zoom": 0.25}), apply({"zoom": {"range": [0.75, 1.25]}}))


def test_random_resized_crop_stretches_a_part_of_the_image():
    """Of an image that gets lighter to the right and has a line of steps downwards, the slopes are the sides of the rectangle."""
    rows = torch.arange(256)
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(32.0), indexing="ij")
    images = torch.stack([x, y])[None].expand(256, 2, 24, 32)
    found = apply({"random_resized_crop": {"scale": [0.2, 0.5], "ratio": [0.8, 1.25]}}, images, rows)[:, :, 4:-4, 4:-4]
    right, down = found[:, 0].diff(dim=2), found[:, 1].diff(dim=1)
    wide, tall = 32 * right.mean(dim=(1, 2)), 24 * down.mean(dim=(1, 2))
    torch.testing.assert_close(right, (wide / 32)[:, None, None].expand_as(right), rtol=1e-3, atol=1e-3)
    share, ratio = wide * tall / (24 * 32), wide / tall
    assert 0.19 < float(share.min()) < 0.22
    assert 0.48 < float(share.max()) < 0.51
    assert 0.79 < float(ratio.min()) < 0.85
    assert 1.18 < float(ratio.max()) < 1.26
    assert found.min() >= 0
    left = apply({"random_resized_crop": {"scale": [0.5, 0.5], "ratio": [1, 1]}}, images, rows)[:, 0, 12, 0]
    assert left.unique().numel() > 200, "the place differs"
    torch.testing.assert_close(apply({"random_resized_crop": {"scale": [1, 1], "ratio": [32 / 24, 32 / 24]}}, images, rows), images)


def test_jitter_erasing_and_noise_do_what_they_say():
    bright = apply({"jitter": {"brightness": 0.5}}, IMAGES * 0.5)
    factor = (bright / (IMAGES * 0.5)).mean(dim=(1, 2, 3))
    torch.testing.assert_close(bright, IMAGES * 0.5 * factor[:, None, None, None])
    assert 0.5 <= float(factor.min()) < 0.6
    assert 1.4 < float(factor.max()) <= 1.5
    contrast = apply({"jitter": {"contrast": 0.2}}, IMAGES * 0.2 + 0.4)
    gray = torch.tensor([0.299, 0.587, 0.114])[:, None, None]
    torch.testing.assert_close((contrast * gray).sum(1).mean(dim=(1, 2)), ((IMAGES * 0.2 + 0.4) * gray).sum(1).mean(dim=(1, 2)))
    erased = apply({"erasing": 1.0}, torch.ones(64, 3, 20, 20)) == 0
    share = erased[:, 0].float().mean(dim=(1, 2))
    assert (erased.all(dim=1) == erased.any(dim=1)).all()
    assert 0 < float(share.min()) < 0.1 < 0.25 < float(share.max()) < 0.4
    noise = apply({"noise": 0.1}) - IMAGES
    clipped = apply({"noise": {"std": 0.1, "clip": True}})
    torch.testing.assert_close(clipped, (IMAGES + noise).clamp(0, 1), atol=1e-6, rtol=0)
    assert abs(float(noise.std()) - 0.1) < 0.005


def make(augment, size=64):
    field = Image.parse({"type": "image", "augment": augment})
    scaling = PixelScaling.of(torch.tensor([0.5]), torch.tensor([0.25]))
    pixels = torch.randint(0, 256, (size, 1, 8, 8), dtype=torch.uint8)
    return field, TensorData({"x": pixels}, {}, None, torch.arange(size) + 100, pixels={"x": scaling})


def test_batches_of_an_epoch_are_augmented_before_they_are_normalised_and_can_be_entered_anywhere():
    field, data = make(["flip", {"crop": 1}, {"noise": 0.1}])
    augmenter = Augmenter.of({"x": field}, seed=3)
    assert augmenter is not None

    def epoch(number, rows=16, start=0):
        order = epoch_order(len(data), seed=3, epoch=number)
        return list(ordered_batches(data, rows, order, start=start, augment=augmenter.at(number)))

    def by_row(batches):
        return {int(row): image for batch in batches for row, image in zip(batch.rows, batch.inputs["x"], strict=True)}

    first = epoch(0)
    assert all(torch.equal(one.inputs["x"], two.inputs["x"]) for one, two in zip(first[2:], epoch(0, start=2), strict=True))
    assert all(torch.equal(image, by_row(first)[row]) for row, image in by_row(epoch(0, rows=5)).items())
    assert not any(torch.equal(image, by_row(first)[row]) for row, image in by_row(epoch(1)).items())
    pixels = data.inputs["x"].float() / 255
    transform = [augmentation.build() for augmentation in field.augment]
    assert len(transform) == 3
    assert torch.equal(data.batch(0, 4).inputs["x"], (pixels[:4] - 0.5) / 0.25), "measured rows are not augmented"


def test_no_augmentation_is_none():
    field, _ = make([])
    assert Augmenter.of({"x": field}, seed=0) is None


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        ([{"jitter": {"saturation": 0.1}}], r"augment\[0\] jitter: saturation has no effect on gray images"),
        (["flip", {"crop": {"padding": 8, "padding_mode": "reflect"}}], r"augment\[1\] crop: a mirrored margin of 8 pixels needs"),
    ],
)
def test_augmentations_that_do_not_fit_the_images(augment, message):
    field = Image.parse({"type": "image", "size": 8, "channels": 1, "augment": augment})
    with pytest.raises(SpecError, match=message):
        field.plan_spec("x", None, is_target=False)


@pytest.mark.parametrize(
    "written",
    [
        {"jitter": {}},
        {"zoom": [2, 1]},
        {"random_resized_crop": [0.5, 0.1]},
        {"random_resized_crop": 224},
        {"erasing": {"scale": [0.5, 0.1]}},
        {"flip": 0},
    ],
)
def test_augmentations_that_change_nothing_or_make_no_sense(written):
    with pytest.raises(ValidationError):
        Image.parse({"type": "image", "augment": [written]})
