"""What images a trained network was trained on: their size, and what was done to their values. Torch-free."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from nntrain.errors import CheckpointError
from nntrain.weights.hub_cache import own_file
from nntrain.weights.hub_config import HubFacts, read_json
from nntrain.weights.hub_folder import HubFolder
from nntrain.weights.hub_names import kind_of

PREPROCESSOR: Final = "preprocessor_config.json"
LARGEST_SIDE: Final = 4096
"""Pixels of a side: images become as large as a folder says, and networks that are trained on larger ones read tiles of them."""
MOST_CHANNELS: Final = 64


@dataclass(frozen=True, slots=True)
class Pixels:
    """The images of a network. Values in [0, 1] less `mean`, divided by `std`."""

    size: tuple[int, int] | None
    """Height and width; `None` where the folder doesn't tell."""
    is_fixed: bool
    """Whether it reads no other size."""
    channels: int
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    """Of each channel; `None` where the folder doesn't tell."""
    source: str
    """The file that says so, or should."""


@dataclass(frozen=True, slots=True)
class ImageReader:
    """A trained network that reads images, as a config has it."""

    folder: str
    """As the config names it."""
    pixels: Pixels
    first: frozenset[str]
    """What it reads itself: names of fields, `image` for all of that type, `inputs` for all."""
    behind: frozenset[str]
    """What reaches it through other layers."""


def pixels_of(folder: HubFolder) -> Pixels:
    """Read what a folder says of its images.

    Raises:
        CheckpointError: It says something that no images have, or that ours can't have.
    """
    is_fixed = kind_of(folder).family == "vit"
    return _of_timm(folder, is_fixed=is_fixed) if folder.is_timm else _of_hugging_face(folder, is_fixed=is_fixed)


def _of_timm(folder: HubFolder, *, is_fixed: bool) -> Pixels:
    facts = folder.facts.part("pretrained_cfg")
    facts = facts if facts.values else folder.facts  # before timm 0.9 its values stood in config.json itself
    sizes = facts.wholes("input_size", LARGEST_SIDE) if "input_size" in facts.values else None
    if sizes is not None and len(sizes) != 3:
        raise facts.wrong("input_size", "[channels, height, width]")
    if sizes is not None and sizes[0] > MOST_CHANNELS:
        raise facts.wrong("input_size", f"at most {MOST_CHANNELS} channels")
    changed = folder.facts.part("model_args").values.get("img_size")
    size = sizes[1:] if sizes is not None else None
    if changed is not None:
        size = _square(folder.facts.part("model_args"), "img_size")
    mean, std = _moments(facts, "mean", "std")
    return Pixels(size, is_fixed, 3 if sizes is None else sizes[0], mean, std, "config.json")


def _of_hugging_face(folder: HubFolder, *, is_fixed: bool) -> Pixels:
    channels = folder.facts.whole("num_channels", 3, most=MOST_CHANNELS)
    size = _square(folder.facts, "image_size") if is_fixed and "image_size" in folder.config else None
    path = own_file(folder.path, PREPROCESSOR)
    if path is None:
        return Pixels(size, is_fixed, channels, None, None, PREPROCESSOR)
    facts = HubFacts(path, read_json(path))
    name = "crop_size" if facts.values.get("do_center_crop") is True and "crop_size" in facts.values else "size"
    if size is None and facts.values.get("do_resize", True) is True and name in facts.values:
        size = _square(facts, name)
    factor = facts.positive("rescale_factor", 1 / 255)
    if facts.values.get("do_rescale", True) is not True or not math.isclose(factor, 1 / 255, rel_tol=1e-3):
        raise CheckpointError(f"{path.as_posix()} has values that are not [0, 255] divided by 255 (do_rescale, rescale_factor)")
    if facts.values.get("do_normalize", True) is not True:
        return Pixels(size, is_fixed, channels, (0.0,) * channels, (1.0,) * channels, path.name)
    mean, std = _moments(facts, "image_mean", "image_std")
    return Pixels(size, is_fixed, channels, mean, std, path.name)


def _moments(facts: HubFacts, mean: str, std: str) -> tuple[tuple[float, ...], tuple[float, ...]] | tuple[None, None]:
    if mean not in facts.values and std not in facts.values:
        return None, None
    means, deviations = facts.numbers(mean), facts.numbers(std)
    if len(means) != len(deviations) or any(each <= 0 for each in deviations):
        raise facts.wrong(std, f"a number above 0 for each of the {len(means)} channels")
    return means, deviations


def _square(facts: HubFacts, name: str) -> tuple[int, int]:
    """A size: a number, two, or an object of Hugging Face."""
    value = facts.values[name]
    if isinstance(value, dict):
        inner = facts.part(name)
        if "shortest_edge" in inner.values:
            side = inner.whole("shortest_edge", most=LARGEST_SIDE)
            return side, side
        return inner.whole("height", most=LARGEST_SIDE), inner.whole("width", most=LARGEST_SIDE)
    if isinstance(value, list):
        sizes = facts.wholes(name, LARGEST_SIDE)
        if len(sizes) != 2:
            raise facts.wrong(name, "[height, width]")
        return sizes[0], sizes[1]
    side = facts.whole(name, most=LARGEST_SIDE)
    return side, side
