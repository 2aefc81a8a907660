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
    found, unnamed = dict(fields), _unnamed(fields, source)
    for name, field in {**unnamed, **fields}.items():
        if not isinstance(field, Image) or "input" not in (field.role_set or {"input"}):
            continue
        first = [reader for reader in readers if _means(name, reader.first)]
        behind = [reader for reader in readers if reader not in first and _means(name, reader.behind)]
        if "normalize" not in field.model_fields_set and (first or behind):
            problems += _undecided(name, field, first, behind, is_named=name in fields)
        if first:
            agreed = _agreed([reader.pixels for reader in first])
            problems += _problems(name, field, first[0].folder, agreed)
            found[name] = field.model_copy(update=_filled(field, agreed))
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


def _agreed(pixels: Sequence[Pixels]) -> Pixels:
    """What several networks say of one image, as far as they say the same."""
    first = pixels[0]
    strict = [each for each in pixels if each.is_fixed] or pixels  # the others read any size
    same = len({_text(each) for each in pixels}) == 1
    return Pixels(
        strict[0].size if len({each.size for each in strict}) == 1 else None,
        strict[0].is_fixed,
        first.channels,
        first.mean if same else None,
        first.std if same else None,
        first.source,
    )


def _undecided(
    name: str, field: Image, first: Sequence[ImageReader], behind: Sequence[ImageReader], *, is_named: bool
) -> Iterator[Problem]:
    """An image that doesn't say how it is normalised, where that doesn't follow from what reads it."""
    silent = [reader for reader in (*first, *behind) if reader.pixels.mean is None]
    known = {text: reader.folder for reader in (*first, *behind) if (text := _text(reader.pixels)) is not None}
    if silent:
        told = f"is read by {silent[0].folder}, which doesn't tell the normalisation of its training (in {silent[0].pixels.source})"
    elif len(known) > 1:
        told = "is read by " + " and ".join(f"{folder} (trained with {text})" for text, folder in known.items()) + ": it must say which"
    elif not first:
        told = f"reaches {behind[0].folder} through other layers, and must say whether it has the normalisation of its training"
    else:
        return
    option = f"normalize: {next(iter(known), 'imagenet')}"
    sizes = {reader.pixels.size for reader in first}
    option += ", size: 224" if field.size is None and first and (len(sizes) > 1 or None in sizes) else ""
    if is_named:
        yield Problem(("data", "fields", name), told, f"fix:  {name}: {{type: image, {option}}}, or as its network had it", on_key=True)
    else:
        yield Problem(
            ("data",), f"{name} {told}", f"fix:  fields: {{{name}: {{type: image, {option}}}}}, or as its network had it", on_key=True
        )


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


def _text(pixels: Pixels) -> str | None:
    """A normalisation as a config says it."""
    if pixels.mean is None or pixels.std is None:
        return None
    written = _written(pixels.mean, pixels.std)
    return written if isinstance(written, str) else f"{{mean: {_list(pixels.mean)}, std: {_list(pixels.std)}}}"


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
