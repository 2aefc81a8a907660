"""The section of a report about settings: what differs from the defaults, versions, and the commands that do it again."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.blueprint import draw
from nntrain.commands.judging.compared_settings import MACHINE
from nntrain.commands.stored.members_record import has_members
from nntrain.commands.stored.opening import is_bag
from nntrain.config.document import Document
from nntrain.config.reading import read_mapping
from nntrain.config.resolving import resolved_text, resolved_tree
from nntrain.errors import ConfigError, YamlPath, render_path
from nntrain.insight.report.content import Block, Code, Folded, Section, Table
from nntrain.schema import StrictModel

if TYPE_CHECKING:
    from nntrain.commands.stored.opening import Stored
    from nntrain.config.experiment import Experiment
    from nntrain.runs import Run

FOUND: Final[tuple[YamlPath, ...]] = (("name",), ("data", "source"), ("data", "fields"), ("data", "target"))
"""Settings that have no default: what they say is in other sections."""
_LONG: Final = 160


def settings_section(run: Run, stored: Stored | None, environment: Mapping[str, Any]) -> Section:
    """The section; of a run without a network what it depended on beside its config."""
    blocks: list[Block] = []
    if stored is not None:
        changed = tuple(changed_settings(stored))
        if changed:
            caption = "Settings that differ from what these data would get by default"
            blocks.append(Table(caption, ("setting", "value", "default"), changed, left=3))
        text = resolved_text(stored.blueprint.experiment, stored.config.document).rstrip()
        blocks.append(Folded("All settings", (Code("All settings", text),)))
    name = shlex.quote(run.name)
    again = [
        _command(environment),
        *([f"nntrain eval {name}"] if not has_members(run) or is_bag(run) else []),
        f"nntrain verify {name} --rerun",
    ]
    blocks.append(Code("How to do it again", "\n".join(line for line in again if line)))
    blocks.append(Table("Environment", ("", "version or value"), tuple(_environment(environment)), left=2))
    return Section("settings", "Settings, environment, how to do it again", tuple(blocks))


def _environment(environment: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    versions = cast("Mapping[str, Any]", environment.get("versions") or {})
    yield from ((package, str(version)) for package, version in versions.items())
    yield from ((key, str(environment[key])) for key in MACHINE if key in environment)
    git: Any = environment.get("git")
    if isinstance(git, dict):
        found = cast("dict[str, Any]", git)
        yield "git commit", str(found["commit"]) + (" and changes" if found.get("diff") else "")


def _command(environment: Mapping[str, Any]) -> str:
    """What was typed."""
    words: Any = environment.get("command")
    given = cast("list[Any]", words) if isinstance(words, list) else []
    return shlex.join(["nntrain", *map(str, given[1:])]) if len(given) > 1 else ""


def changed_settings(stored: Stored) -> Iterator[tuple[str, str, str]]:
    """Path, value and default of each setting that is not what it would be if the config said nothing but what the data are."""
    experiment = stored.blueprint.experiment
    usual = _usual(stored)
    for path, value, default in _changed(experiment, usual, ()):
        if default != "auto" and not any(path[: len(found)] == found for found in FOUND):
            yield render_path(path), from_environment(stored.config.document, path) or written(value), written(default)


def from_environment(document: Document, path: YamlPath) -> str | None:
    """What a config says of a setting that comes from the environment, or that holds such a one: never its value."""
    return next((text for found, text in document.unexpanded.items() if found[: len(path)] == path or path[: len(found)] == found), None)


def _usual(stored: Stored) -> Experiment | None:
    """What a config for these data gets that says no more; `None` where such a config would not do."""
    tree = resolved_tree(stored.blueprint.experiment)
    data = {key: tree["data"][key] for key in ("source", "fields", "window") if tree["data"].get(key) is not None}
    try:
        return draw(read_mapping({"data": data, "task": tree["task"]}, folder=stored.config.folder), stored.blueprint.layout).experiment
    except ConfigError:
        return None


def _changed(model: StrictModel, usual: StrictModel | None, path: YamlPath) -> Iterator[tuple[YamlPath, Any, Any]]:
    """Settings of a component that differ from those of a usual one of its class, or from the defaults of the class."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        default = field.get_default(call_default_factory=True) if usual is None else getattr(usual, name)
        place = (*path, field.alias or name)
        if value != default and name != "type":
            yield from _different(value, default, place)


def _different(value: Any, default: Any, path: YamlPath) -> Iterator[tuple[YamlPath, Any, Any]]:
    """Two values that differ; of two components of one class what differs in them."""
    if isinstance(value, StrictModel):
        is_alike = type(default) is type(value)
        tag = getattr(value, "type", None)
        if tag is not None and not is_alike:
            yield path, tag, getattr(default, "type", default)
        yield from _changed(value, default if is_alike else None, path)
    elif isinstance(value, tuple | list) and any(isinstance(item, StrictModel) for item in cast("tuple[Any, ...]", value)):
        yield path, [_plain(item) for item in cast("tuple[Any, ...]", value)], default
    elif isinstance(value, dict) and isinstance(default, dict):
        for key, item in cast("dict[str, Any]", value).items():
            other: Any = cast("dict[str, Any]", default).get(key)
            if item != other:
                yield from _different(item, other, (*path, key))
    else:
        yield path, value, default


def _plain(value: Any) -> Any:
    """A component as a config has it in the shortest form."""
    if isinstance(value, StrictModel):
        options = {name: getattr(value, name) for name, field in type(value).model_fields.items() if getattr(value, name) != field.default}
        tag = getattr(value, "type", None)
        plain = {name: _plain(item) for name, item in options.items() if name != "type"}
        return plain if tag is None else {tag: plain} if plain else tag
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in cast("dict[str, Any]", value).items()}
    return [_plain(item) for item in cast("list[Any]", value)] if isinstance(value, tuple | list) else value


def written(value: Any) -> str:
    """A value as a config has it, in one line."""
    if hasattr(value, "shape") or repr(value) == "PydanticUndefined":
        return ""
    import json

    text = json.dumps(_plain(value), default=str).replace('"', "")
    return text if len(text) <= _LONG else f"{text[:_LONG]} …"
