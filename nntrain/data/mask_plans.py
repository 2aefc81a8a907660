"""Masks beside the images that they are of: their size, and how they move with them. Torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nntrain.data.field_plan import FieldPlan
from nntrain.data.fields.image import Image
from nntrain.data.fields.mask import Mask
from nntrain.errors import Problem
from nntrain.specs import Spec


def beside_images(plans: Sequence[FieldPlan]) -> list[FieldPlan]:
    """Plans in which a mask without a size has that of the images, where they are resized, all to one size."""
    sizes = {plan.field.size_pair for plan in plans if plan.role == "input" and isinstance(plan.field, Image)}
    size = sizes.pop() if len(sizes) == 1 else None
    return [_resized(plan, size) if size is not None else plan for plan in plans]


def _resized(plan: FieldPlan, size: tuple[int, int]) -> FieldPlan:
    if not isinstance(plan.field, Mask) or plan.field.size is not None:
        return plan
    field = plan.field.model_copy(update={"size": size[0] if size[0] == size[1] else size})
    return replace(plan, field=field, spec=Spec(plan.spec.axes, size, plan.spec.kind, plan.spec.classes))


def followed(plans: Sequence[FieldPlan]) -> dict[str, str]:
    """The image that each mask moves with, by the mask: the one whose `augment` moves pixels."""
    moving = [plan.name for plan in plans if plan.role == "input" and any(each.moves for each in plan.field.augmentations)]
    return {plan.name: moving[0] for plan in plans if plan.role == "target" and isinstance(plan.field, Mask) and moving}


def moving_problems(plans: Sequence[FieldPlan], keys: dict[str, str]) -> list[Problem]:
    """Images that move in ways of their own beside a mask, which can follow one, or that are cut, as a mask is not.

    Args:
        plans: The fields.
        keys: The names in `data.fields`, by field.
    """
    if not any(isinstance(plan.field, Mask) for plan in plans):
        return []
    cut = [plan.name for plan in plans if isinstance(plan.field, Image) and plan.field.crop_to_aspect_ratio]
    problems = [
        Problem(
            ("data", "fields", keys.get(name, name), "crop_to_aspect_ratio"),
            "cuts the sides of the image, and the mask beside it is resized whole",
            "remove it",
        )
        for name in cut
    ]
    moving = [plan.name for plan in plans if plan.role == "input" and any(each.moves for each in plan.field.augmentations)]
    message = "moves pixels, and so does {}: a mask moves with one image"
    return problems + [
        Problem(("data", "fields", keys.get(name, name), "augment"), message.format(moving[0]), "move one of them alone")
        for name in moving[1:]
    ]
