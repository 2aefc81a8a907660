"""Settings that a folder of a trained network decides: sizes of its body, its tokens, the longest text that it reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from nntrain.errors import CheckpointError, Problem, SpecError, YamlPath

if TYPE_CHECKING:
    from nntrain.config.experiment import Experiment
    from nntrain.data.fields.text import Text


def located(experiment: Experiment, folder: Path, problems: list[Problem]) -> Experiment:
    """Fill in what the folders decide that a config names.

    Args:
        experiment: The config.
        folder: Its folder, from which those are counted.
        problems: Takes what is wrong.
    """
    fields = {name: _field(field, ("data", "fields", name), folder, problems) for name, field in experiment.data.fields.items()}
    update: dict[str, Any] = {"data": experiment.data.model_copy(update={"fields": fields})}
    if experiment.architecture is not None:
        update["architecture"] = _everywhere(experiment.architecture, ("architecture",), folder, problems)
    return experiment.model_copy(update=update)


def _field(field: Any, path: YamlPath, folder: Path, problems: list[Problem]) -> Any:
    if field.type != "text":
        return field
    text = cast("Text", field)
    try:
        tokenizer = text.tokenizer.located(folder)
    except CheckpointError as error:
        problems.append(Problem((*path, "tokenizer", "path"), error.message, error.hint))
        return text
    length = text.max_length if text.max_length is not None or text.of is not None else tokenizer.limit
    return text.model_copy(update={"tokenizer": tokenizer, "max_length": length})


def _everywhere(value: Any, path: YamlPath, folder: Path, problems: list[Problem]) -> Any:
    """A setting with each body in it that names a folder filled in."""
    if isinstance(value, BaseModel):
        if getattr(value, "pretrained", None) is not None:
            return _filled(value, path, folder, problems)
        given = {name: getattr(value, name) for name in type(value).model_fields}
        aliases = {name: option.alias or name for name, option in type(value).model_fields.items()}
        found = {name: _everywhere(inner, (*path, aliases[name]), folder, problems) for name, inner in given.items()}
        changed = {name: inner for name, inner in found.items() if inner is not given[name]}
        return value.model_copy(update=changed) if changed else value
    if isinstance(value, tuple):
        items = cast("tuple[Any, ...]", value)
        made = tuple(_everywhere(item, (*path, index), folder, problems) for index, item in enumerate(items))
        return made if any(new is not old for new, old in zip(made, items, strict=True)) else items
    if isinstance(value, dict):
        options = cast("dict[str, Any]", value)
        inner = {key: _everywhere(item, (*path, key), folder, problems) for key, item in options.items()}
        return inner if any(inner[key] is not options[key] for key in options) else options
    return cast("Any", value)


def _filled(family: Any, path: YamlPath, folder: Path, problems: list[Problem]) -> Any:
    try:
        return family.located(folder)
    except SpecError as error:
        problems.append(Problem(path, error.message, error.hint))
    except CheckpointError as error:
        problems.append(Problem((*path, "pretrained", "path"), error.message, error.hint))
    return family
