"""Sizes of training images by how much of the run is over, and what a batch of them becomes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.nn.functional import interpolate

from nntrain.data.batches import Batch
from nntrain.data.fields.image import Image, ProgressiveResizing
from nntrain.training.growing import Growing


def sizes(resizing: ProgressiveResizing, full: tuple[int, int], steps: int) -> list[tuple[int, int]]:
    return [resizing.size(full, step / steps) for step in range(steps)]


def test_images_stay_small_then_grow_evenly_and_end_in_their_full_size() -> None:
    """The numbers of Composer: half the size for half of the run, all of it for the last fifth."""
    found = sizes(ProgressiveResizing(), (32, 32), 100)
    assert found[:50] == [(16, 16)] * 50
    assert found[80:] == [(32, 32)] * 20
    assert found[50:80] == sorted(found[50:80])
    assert [found.count((size, size)) for size in (16, 20, 24, 28, 32)] == [58, 7, 8, 7, 20]


@pytest.mark.parametrize(
    ("options", "full", "wanted"),
    [
        ({"delay_fraction": 0, "finetune_fraction": 0}, (8, 16), [(4, 8), (4, 8), (4, 12), (4, 12)]),
        ({"delay_fraction": 0.5, "finetune_fraction": 0.5, "initial_scale": 0.75}, (8, 8), [(4, 4), (4, 4), (8, 8), (8, 8)]),
        ({"delay_fraction": 0.0, "finetune_fraction": 0.5, "size_increment": 1}, (10, 10), [(5, 5), (7, 7), (10, 10), (10, 10)]),
        ({"initial_scale": 0.1, "size_increment": 32, "delay_fraction": 0.75}, (70, 40), [(32, 32)] * 3 + [(32, 32)]),
    ],
)
def test_sizes_are_multiples_of_the_increment_and_never_above_the_full_ones(
    options: dict[str, Any], full: tuple[int, int], wanted: list[tuple[int, int]]
) -> None:
    assert sizes(ProgressiveResizing(**options), full, 4) == wanted
    assert ProgressiveResizing(**options).size(full, 1.0) == full


@pytest.mark.parametrize("full", [(32, 32), (28, 40), (7, 33)])
@pytest.mark.parametrize("options", [{}, {"size_increment": 1}, {"initial_scale": 0.3, "delay_fraction": 0, "finetune_fraction": 0}])
def test_every_size_on_the_way_is_found_where_it_begins(options: dict[str, Any], full: tuple[int, int]) -> None:
    resizing = ProgressiveResizing(**options)
    begins = {resizing.size(full, moment) for moment in resizing.changes(full)}
    assert {*sizes(resizing, full, 2000), full} <= begins


def test_a_batch_is_resized_with_its_targets_and_left_alone_at_its_full_size() -> None:
    images, masks = torch.rand(3, 2, 16, 12), torch.randint(-1, 3, (3, 16, 12))
    batch = Batch({"x": images, "@number": torch.rand(3, 2)}, {"m": masks, "y": torch.arange(3)}, None, torch.arange(3))
    growing = Growing({"x": ProgressiveResizing(size_increment=2)}, ("m",))
    small = growing.shown(batch, 0.2)
    assert torch.equal(small.inputs["x"], interpolate(images, (8, 6), mode="bilinear", antialias=True))
    torch.testing.assert_close(small.inputs["x"].mean(dim=(2, 3)), images.mean(dim=(2, 3)), rtol=0, atol=0.05)
    assert small.targets["m"].dtype == torch.int64
    assert torch.equal(small.targets["m"], masks[:, 1::2, 1::2])
    assert small.inputs["@number"] is batch.inputs["@number"]
    assert small.targets["y"] is batch.targets["y"]
    whole = growing.shown(batch, 0.9)
    assert whole.inputs["x"] is images
    assert whole.targets["m"] is masks


def test_short_and_long_form_are_one_and_resolve_to_themselves() -> None:
    short = Image.parse({"type": "image", "progressive_resizing": 0.25})
    assert short.resizing == ProgressiveResizing(initial_scale=0.25)
    assert Image.parse(short.dump()) == short
    assert Image.parse({"type": "image"}).resizing is None


@pytest.mark.parametrize(
    ("written", "message"),
    [({"delay_fraction": 0.9}, "more than the run"), (1.0, "less than 1"), ({"initial_scale": 0}, "greater than 0")],
)
def test_fractions_that_make_no_sense(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Image.parse({"type": "image", "progressive_resizing": written})
