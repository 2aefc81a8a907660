"""Masks move with their images: by the same draws, by the nearest pixel, and what comes in from outside counts nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nntrain.data.augmentation.augmenter import Augmenter
from nntrain.data.augmentation.settings import AUGMENTATIONS
from nntrain.data.batches import TensorData, ordered_batches
from nntrain.data.field_plan import FieldPlan
from nntrain.data.fields.field import Field, Role
from nntrain.data.fields.mask import Mask
from nntrain.data.mask_plans import beside_images, followed, moving_problems
from nntrain.data.mask_rows import UNCOUNTED, MaskRows
from nntrain.data.orders import epoch_order
from nntrain.data.pixels import PixelScaling
from nntrain.data.settings import FIELD_SLOT
from nntrain.schema import load_class

ROWS, SIZE = 12, 16
MOVES: list[Any] = [
    "flip",
    {"flip": {"direction": "vertical", "p": 1.0}},
    {"crop": 5},
    {"crop": {"padding": 5, "padding_mode": "reflect"}},
    {"rotate": 90},
    {"shift": 0.4},
    {"zoom": [0.5, 1.6]},
    "random_resized_crop",
]


def plan(name: str, role: Role, **options: Any) -> FieldPlan:
    field = FIELD_SLOT.validate(options)
    assert isinstance(field, Field)
    return FieldPlan(name, field, (name,), role, None, field.plan_spec(name, None, is_target=role == "target"))


def rows_of(masks: torch.Tensor) -> TensorData:
    """Images that are their masks: white where the class is 1."""
    images = (masks == 1).to(torch.uint8)[:, None] * 255
    scaling = PixelScaling.of(torch.zeros(1), torch.ones(1))
    return TensorData({"x": images}, {}, None, torch.arange(ROWS), pixels={"x": scaling}, stored_targets={"m": MaskRows(masks)})


def batches(augment: list[Any], masks: torch.Tensor, epoch: int = 0) -> Any:
    plans = [plan("x", "input", type="image", size=SIZE, channels=1, augment=augment), plan("m", "target", type="mask", classes=2)]
    augmenter = Augmenter.of({"x": plans[0].field}, 7, followed(plans))
    assert augmenter is not None
    return ordered_batches(rows_of(masks), 5, epoch_order(ROWS, seed=0, epoch=epoch), augment=augmenter.at(epoch))


def blocks() -> torch.Tensor:
    """Smooth shapes: a rectangle of class 1 in each mask, whose place differs."""
    masks = torch.zeros(ROWS, SIZE, SIZE, dtype=torch.uint8)
    for row in range(ROWS):
        masks[row, 2 + row % 4 : 9 + row % 5, 3 + row % 3 : 11] = 1
    return masks


@pytest.mark.parametrize("augment", MOVES, ids=str)
def test_an_image_and_its_mask_stay_together(augment: Any) -> None:
    moved = 0
    for batch in batches([augment], blocks()):
        image, mask = batch.inputs["x"][:, 0], batch.targets["m"]
        assert mask.dtype == torch.int64
        assert set(mask.unique().tolist()) <= {-1, 0, 1}
        sure = (image < 0.01) | (image > 0.99)  # between them two pixels are mixed
        assert sure.float().mean() > 0.6
        assert torch.equal(mask[sure].clamp(min=0), (image[sure] > 0.5).long())
        moved += int((mask != blocks()[batch.rows].long()).any(dim=(1, 2)).sum())
    assert moved >= 2


def test_every_augmentation_that_moves_pixels_is_above() -> None:
    moving = {tag for tag, place in AUGMENTATIONS.items() if getattr(load_class(place), "moves")}  # noqa: B009
    assert moving == {each if isinstance(each, str) else next(iter(each)) for each in MOVES}


@pytest.mark.parametrize(
    ("augment", "has_border"), [({"shift": 0.4}, True), ({"crop": 5}, True), ("flip", False), ({"zoom": [0.3, 0.5]}, True)]
)
def test_what_comes_in_from_outside_counts_nothing(augment: Any, has_border: bool) -> None:
    ones = torch.ones(ROWS, SIZE, SIZE, dtype=torch.uint8)
    found = torch.cat([batch.targets["m"] for batch in batches([augment], ones)])
    assert set(found.unique().tolist()) == ({-1, 1} if has_border else {1})


def test_pixels_that_do_not_count_stay_so_and_colours_leave_masks_alone() -> None:
    masks = blocks()
    masks[:, :2] = UNCOUNTED
    for batch in batches([{"jitter": {"brightness": 0.5}}, {"noise": 0.1}], masks):
        wanted = MaskRows(masks).take(batch.rows).tensors("m")["m"]
        assert torch.equal(batch.targets["m"], wanted)
        assert (wanted == -1).sum() == len(batch) * 2 * SIZE


def test_a_mask_takes_the_places_of_the_moves_among_all_changes() -> None:
    changes: tuple[Any, Any] = {"noise": 0.1}, {"jitter": {"contrast": 0.5}}
    one, other = ([batch.targets["m"] for batch in batches([first, "flip"], blocks())] for first in changes)
    assert all(torch.equal(mask, same) for mask, same in zip(one, other, strict=True))


def test_epochs_differ_and_a_row_is_the_same_in_any_batch() -> None:
    first, again, other = (torch.cat([b.targets["m"][b.rows.argsort()] for b in batches(["flip"], blocks(), epoch)]) for epoch in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_mask_has_the_size_of_the_image_beside_it() -> None:
    image, mask = plan("x", "input", type="image", size=[8, 6], channels=1), plan("m", "target", type="mask")
    found = beside_images([image, mask])[1]
    assert isinstance(found.field, Mask)
    assert found.field.size == (8, 6)
    assert found.spec.sizes == (8, 6)
    own = plan("m", "target", type="mask", size=4)
    assert beside_images([image, own])[1] is own
    assert beside_images([image, plan("y", "input", type="image", size=4, channels=1), mask])[2] is mask


def test_two_images_that_move_are_refused_beside_a_mask() -> None:
    images = [plan(name, "input", type="image", size=8, channels=1, augment=["flip"]) for name in ("x", "y")]
    assert moving_problems(images, {}) == []
    problems = moving_problems([*images, plan("m", "target", type="mask")], {"y": "y*"})
    assert [problem.path for problem in problems] == [("data", "fields", "y*", "augment")]
    assert "so does x: a mask moves with one image" in problems[0].message
