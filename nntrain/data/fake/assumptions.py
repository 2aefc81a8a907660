"""What made-up data has where the config does not say it: each is a guess, and the next is tried where one does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Literal

from nntrain.data.fields.category import Category
from nntrain.data.fields.field import Field
from nntrain.data.fields.image import Image
from nntrain.data.settings import DataSettings

TargetType = Literal["category", "boolean", "number"]

MOST_TRIED: Final = 30
"""Guesses that are tried before it is said that none fits."""
MOST_CLASSES: Final = 1000
MOST_STEPS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Assumptions:
    """Sizes and types of made-up data where the config leaves them open."""

    target: TargetType = "category"
    """Type of targets without one."""
    classes: int = 3
    """Classes of a target that names none."""
    steps: int = 40
    """Columns of a pattern that a series or a vector is made of, and steps of an array."""
    channels: int = 3
    """Channels of images, where the field does not say them."""
    size: int = 32
    """Height and width of images, where the field does not say them."""


def guesses(settings: DataSettings, numbers: Iterable[int]) -> Iterator[Assumptions]:
    """What may fit, the plainest first.

    Args:
        settings: The data section: what it says is not varied.
        numbers: Sizes that stand in the network, which may be those that the data must have; the last are nearest to its end.
    """
    sizes = list(dict.fromkeys(reversed([number for number in numbers if number > 1])))
    fields = settings.fields.values()
    targets = [settings.fields.get(name) for name in settings.targets] + [field for field in fields if "target" in field.role_set]
    types: Sequence[TargetType] = ("category", "number", "boolean") if any(_is_open(field) for field in targets) else ("category",)
    types = types if settings.window is None else ("number",)
    has_classes = any(_is_open(field) or (isinstance(field, Category) and field.classes is None) for field in targets)
    has_images = settings.source.type in ("files", "image_folder") or any(isinstance(field, Image) for field in fields)
    has_steps = any(field.type in ("series", "vector") for field in fields)
    axes = (
        types,
        [3, *(number for number in sizes if number != 3 and number <= MOST_CLASSES)] if has_classes or _names_a_class(settings) else [3],
        [40, *(number for number in sizes if number != 40 and number <= MOST_STEPS)] if has_steps else [40],
        [(3, 32), (1, 28), (1, 32), (3, 64), (3, 128), (3, 224)] if has_images else [(3, 32)],
    )
    places = sorted(product(*(range(len(axis)) for axis in axes)), key=sum)
    for kind, classes, steps, image in places[:MOST_TRIED]:
        channels, size = axes[3][image]
        yield Assumptions(axes[0][kind], axes[1][classes], axes[2][steps], channels, size)


def _is_open(field: Field | None) -> bool:
    return field is None or field.type == "auto"


def _names_a_class(settings: DataSettings) -> bool:
    """Whether the source has a target of its own, whose classes only its files tell."""
    return not settings.targets and settings.source.type in ("files", "audio_folder", "image_folder")
