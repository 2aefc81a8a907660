"""Settings that a folder of a trained network decides: sizes of its body, its tokens, the longest text that it reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from nntrain.errors import CheckpointError, Problem, SpecError, YamlPath
from nntrain.weights.hub_cache import AbsentFolderError, find_folder
from nntrain.weights.hub_folder import read_hub_folder
from nntrain.weights.hub_pixels import ImageReader, Pixels, pixels_of

if TYPE_CHECKING:
    from nntrain.architectures.settings import AnyArchitecture
    from nntrain.config.experiment import Experiment


def located(experiment: Experiment, folder: Path, problems: list[Problem], absent: list[Problem]) -> Experiment:
    """Fill in what the folders decide that a config names.

    Args:
        experiment: The config.
        folder: Its folder, from which those are counted.
        problems: Takes what is wrong.
        absent: Takes which folders are not there.
    """
    here = _Place(folder, problems, absent, {})
    fields: dict[str, Any] = {name: _field(field, ("data", "fields", name), here) for name, field in experiment.data.fields.items()}
    for name, field in fields.items():  # what shares the tokens of another is cut where that is
        other = fields.get(field.shares) if field.shares is not None else None
        if field.type == "text" and other is not None and other.type == "text" and field.max_length is None and field.of is None:
            fields[name] = field.model_copy(update={"max_length": other.tokenizer.limit})
    update: dict[str, Any] = {"data": experiment.data.model_copy(update={"fields": fields})}
    if experiment.architecture is not None:
        update["architecture"] = _everywhere(experiment.architecture, ("architecture",), here)
    if here.pixels and experiment.architecture is not None:
        readers = list(_readers(experiment.architecture, here.pixels))
        update["data"] = update["data"].for_images_of(readers, problems)
    return experiment.model_copy(update=update)


def _readers(architecture: AnyArchitecture, pixels: Mapping[YamlPath, tuple[str, Pixels]]) -> Iterator[ImageReader]:
    for path, (given, images) in pixels.items():
        yield ImageReader(given, images, *architecture.fields_before(path[1:]))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where folders are looked for, and who is told what is wrong with them."""

    folder: Path
    problems: list[Problem]
    absent: list[Problem]
    pixels: dict[YamlPath, tuple[str, Pixels]]
    """The folder and the images of each body that was filled in, by its place."""

    def tell(self, path: YamlPath, error: CheckpointError) -> None:
        """Say at the place of a folder what is wrong with it."""
        told = self.absent if isinstance(error, AbsentFolderError) else self.problems
        told.append(Problem(path, error.message, error.hint))


def _field(field: Any, path: YamlPath, here: _Place) -> Any:
    if field.type != "text":
        return field
    try:
        tokenizer = field.tokenizer.located(here.folder)
    except CheckpointError as error:
        here.tell((*path, "tokenizer", "path"), error)
        return field
    length = field.max_length if field.max_length is not None or field.of is not None else tokenizer.limit
    return field.model_copy(update={"tokenizer": tokenizer, "max_length": length})


def _everywhere(value: Any, path: YamlPath, here: _Place) -> Any:
    """A setting with each body in it that names a folder filled in."""
    if isinstance(value, BaseModel):
        if getattr(value, "pretrained", None) is not None:
            return _filled(value, path, here)
        given = {name: getattr(value, name) for name in type(value).model_fields}
        aliases = {name: option.alias or name for name, option in type(value).model_fields.items()}
        found = {name: _everywhere(inner, (*path, aliases[name]), here) for name, inner in given.items()}
        changed = {name: inner for name, inner in found.items() if inner is not given[name]}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        made = tuple(_everywhere(item, (*path, index), here) for index, item in enumerate(items))
        return made if any(new is not old for new, old in zip(made, items, strict=True)) else items
    if isinstance(value, dict):
        options = cast("dict[str, Any]", value)
        inner = {key: _everywhere(item, (*path, key), here) for key, item in options.items()}
        return inner if any(inner[key] is not options[key] for key in options) else options
    return value


def _filled(family: Any, path: YamlPath, here: _Place) -> Any:
    try:
        found = family.located(here.folder)
        if family.pretrained.fingerprint is None and found.reads_images:
            given = found.pretrained.path
            here.pixels[path] = given, pixels_of(read_hub_folder(find_folder(here.folder, given)))
    except SpecError as error:
        here.problems.append(Problem(path, error.message, error.hint))
    except CheckpointError as error:
        here.tell((*path, "pretrained", "path"), error)
    else:
        return found
    return family
