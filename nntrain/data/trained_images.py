"""Image fields that a trained network reads: what they don't say is as in its training, and what they say must not be otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isclose
from typing import Any, Final, Literal

from nntrain.data.fields.image import IMAGENET, Image, Moments
from nntrain.data.file_rows import IMAGES
from nntrain.data.header import HeaderColumn
from nntrain.data.sources.source import Source
from nntrain.errors import Problem
from nntrain.weights.hub_pixels import ImageReader, Pixels

UNIT: Final = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
"""Values stay in [0, 1]."""


def image_fields(fields: Mapping[str, Any], readers: Sequence[ImageReader], source: Source, problems: list[Problem]) -> dict[str, Any]:
    """The fields, those of input images filled in that a trained network reads.

    Args:
        fields: As the config has them.
        readers: The trained networks, and what reaches each.
        source: Its files of images are fields even where the config names none.
        problems: Takes what the fields say otherwise.
    """
    found = dict(fields)
    for name, field in {**_unnamed(fields, source), **fields}.items():
        if not isinstance(field, Image) or "input" not in (field.role_set or {"input"}):
            continue
        first, *others = [reader for reader in readers if _means(name, reader.first)] or [None]
        if first is None or any(_differ(first.pixels, other.pixels) for other in others if other is not None):
            continue  # each field must say itself what it is for
        problems += _problems(name, field, first.folder, first.pixels)
        found[name] = field.model_copy(update=_filled(field, first.pixels))
    return found


def _means(name: str, words: frozenset[str]) -> bool:
    return not words.isdisjoint({name, "image", "inputs"})


def _unnamed(fields: Mapping[str, Any], source: Source) -> dict[str, Image]:
    """Image fields of a source that are known without a look and that the config has no line of."""
    header = source.outline() if source.lacks is None else None
    columns = () if header is None else header.columns
    named = {column.name for column in columns if _has_images(column)}
    return {name: Image() for name in sorted(named - fields.keys())} if not any(isinstance(each, Image) for each in fields.values()) else {}


def _has_images(column: HeaderColumn) -> bool:
    return len(column.shape) > 1 if column.files is None else bool(IMAGES.suffixes & {*column.files.suffixes})


def _differ(a: Pixels, b: Pixels) -> bool:
    return (a.size, a.channels, a.mean, a.std) != (b.size, b.channels, b.mean, b.std)


def _filled(field: Image, wanted: Pixels) -> dict[str, Any]:
    """Options that the field doesn't say."""
    update: dict[str, Any] = {}
    if field.size is None and wanted.size is not None:
        height, width = wanted.size
        update["size"] = height if height == width else wanted.size
    if field.channels is None and wanted.channels in {1, 3}:
        update["channels"] = wanted.channels
    if "normalize" not in field.model_fields_set and wanted.mean is not None and wanted.std is not None:
        update["normalize"] = _written(wanted.mean, wanted.std)
    return update


def _written(mean: tuple[float, ...], std: tuple[float, ...]) -> Any:
    """The shortest way to write a normalisation."""
    if _same((mean, std), IMAGENET):
        return "imagenet"
    return "unit" if _same((mean, std), UNIT) else Moments(mean=mean, std=std)


def _same(a: tuple[tuple[float, ...], tuple[float, ...]], b: tuple[tuple[float, ...], tuple[float, ...]]) -> bool:
    pairs = [(x, y) for left, right in zip(a, b, strict=True) for x, y in zip(left, right, strict=False)]
    return len(a[0]) == len(b[0]) and all(isclose(x, y, abs_tol=1e-3) for x, y in pairs)


def _problems(name: str, field: Image, folder: str, wanted: Pixels) -> Iterator[Problem]:
    """What a field says otherwise."""
    path = ("data", "fields", name)
    said_size = field.size_pair
    if wanted.is_fixed and wanted.size is not None and said_size is not None and said_size != wanted.size:
        height, width = wanted.size
        told = f"is {said_size[0]} x {said_size[1]}, and {folder} reads {height} x {width} alone: it has a vector for each place"
        yield Problem((*path, "size"), told, f"fix:  size: {height}" if height == width else f"fix:  size: [{height}, {width}]")
    if field.num_channels not in {None, wanted.channels}:
        yield Problem((*path, "channels"), f"is {field.num_channels}, and {folder} reads {wanted.channels}", "remove it")
    if "normalize" in field.model_fields_set and wanted.mean is not None and wanted.std is not None:
        said = _moments(field.normalize, len(wanted.mean))
        if said is None or not _same(said, (wanted.mean, wanted.std)):
            listed = f"{{mean: {_list(wanted.mean)}, std: {_list(wanted.std)}}}"
            told = f"is another than {folder} was trained with ({listed}, by its {wanted.source})"
            yield Problem((*path, "normalize"), told, "remove it: then it is taken from there")


def _moments(
    normalize: Literal["unit", "standard", "imagenet"] | tuple[float, float] | Moments, channels: int
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation of what a field says; `None` where the rows decide."""
    if isinstance(normalize, Moments):
        return normalize.mean, normalize.std
    if isinstance(normalize, tuple):
        low, high = normalize
        return (-low / (high - low),) * channels, (1 / (high - low),) * channels
    return {"unit": ((0.0,) * channels, (1.0,) * channels), "imagenet": IMAGENET}.get(normalize)


def _list(values: tuple[float, ...]) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"
