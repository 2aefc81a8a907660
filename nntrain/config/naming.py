"""What a name that nntrain does not have was meant to be: a word of another tool first, else the nearest name, never both."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast, get_args

from pydantic import TypeAdapter, ValidationError

from nntrain import plugins
from nntrain.config import structure, synonyms
from nntrain.config.documentation.wording import value_in_words
from nntrain.config.structure import Model, Spot
from nntrain.errors import Problem, YamlPath
from nntrain.nearest import nearest
from nntrain.schema import Slot, load_class

_COLUMN: Final = 37
"""Where `fix:` begins behind what nntrain calls it."""
_MOST_NAMES: Final = 15
_BESIDE: Final = ("from", "encode", "name", "initializer", "layers")
"""Keys that may stand beside a layer, in a list or in a node."""
_INVISIBLE: Final = re.compile(r"[\s\u200b-\u200f\ufeff]+$|^[\s\u200b-\u200f\ufeff]+")


@dataclass(frozen=True, slots=True)
class Unknown:
    """A setting that nntrain doesn't have, explained."""

    message: str
    hint: str | None
    ours: str | None = None
    """The setting of the same section that was meant."""


def unknown_setting(spot: Spot, tree: object, root: Model, *, in_file: bool = True) -> Unknown:
    """Explain an unknown key of a config: `spot` is its place, `spot.owner` the section or component that doesn't have it."""
    key, options = str(spot.path[-1]), _options(spot.owner, root if in_file else None)
    if spot.owner is root and key == "extends":
        return Unknown("stands in the file, not on the command line", f"write it there:  {_fix(key, spot.value)}")
    above = structure.walk(root, tree, spot.path[:-1])
    tag = _written_tag(above)
    message = "not a setting" if tag is None else f"not an option of {tag}"
    bare = _INVISIBLE.sub("", key)
    if bare != key:
        hint = f"fix:  {_fix(bare, spot.value)}" if bare in options else None
        return Unknown(f"{message}: there is a blank {'after' if key.startswith(bare) else 'before'} the name", hint, bare)
    ours = synonyms.option(key, options)
    if ours is not None:
        return Unknown(message, _calls(ours, _fix(ours, spot.value)), ours)
    others = _of_another(above, key)
    if others is not None:
        return Unknown(message if tag is not None else f"not an option of {above.slot and above.slot.default}, the default", others)
    if tag is None and above.slot is not None:
        component = synonyms.component(above.slot.kind, key, above.slot.table)
        no_component = f"no {above.slot.kind} {key!r}"
        if component is not None:
            return Unknown(no_component, _calls(component, _fix(component, spot.value)))
        if not nearest(key, options) and nearest(key, above.slot.table):
            return Unknown(no_component, near_or_all(key, list(above.slot.table), _plural(above.slot.kind)))
    elsewhere = _elsewhere(key, spot, root)
    if elsewhere is not None:
        return Unknown(message, elsewhere)
    listed = near_or_all(key, options, "settings here" if tag is None else f"options of {tag}")
    return Unknown(message, listed or f"{tag or 'this section'} has no options", next(iter(nearest(key, options)), None))


def _of_another(component: Spot, key: str) -> str | None:
    """Which other components of a place have an option, with the line to write if it is one. Layers share too many options to tell."""
    slot = component.slot
    chosen = structure.split(slot, component.value)
    if slot is None or chosen is None or slot.kind == "layer":
        return None
    return _components_with(slot, component.path, chosen[1], [key])


def _components_with(slot: Slot, path: YamlPath, options: Mapping[str, Any], keys: Sequence[str], *, fix_first: bool = False) -> str | None:
    """The components that have all of some options: `momentum is an option of sgd   fix:  optimizer: {type: sgd, momentum: 0.9}`."""
    found = {tag: fields for tag, target in slot.table.items() if {*keys} <= (fields := structure.fields_of(load_class(target)).keys())}
    if not found or len(found) == len(slot.table) or not keys:
        return None
    told = f"{' and '.join(keys)} {'is an option' if len(keys) == 1 else 'are options'} of {', '.join(found)}"
    if len(found) > 1 and not fix_first:
        return told
    tag, fields = next(iter(found.items()))
    written = {"type": tag, **{key: value for key, value in options.items() if key in fields and key != "type"}}
    return f"{told.ljust(max(_COLUMN, len(told) + 3))}fix:  {_fix(str(path[-1]), written)}"


def _elsewhere(key: str, spot: Spot, root: Model) -> str | None:
    """A word for what nntrain has in another place, or a setting of ours that stands in another section."""
    word = synonyms.setting(key)
    if word is not None and word.ours is None:
        return word.note
    if word is not None and word.ours is not None:
        value = spot.value if word.value is None else word.value
        keys, here = word.ours.split("."), [str(part) for part in spot.path[:-1]]
        depth = len(here) if keys[: len(here)] == here and len(here) < len(keys) else 0
        return _calls(".".join(keys[depth:]), _line(root, word.ours, value, depth))
    homes = [home for home in _homes(root) if home.rpartition(".")[2] == key and "." in home]
    if key in root.model_fields:
        return "it stands at the top level".ljust(_COLUMN) + "fix:  " + _line(root, key, spot.value)
    if not homes:
        return None
    return f"it stands in {homes[0].rpartition('.')[0]}".ljust(_COLUMN) + "fix:  " + _line(root, homes[0], spot.value)


def _line(root: Model, path: str, value: object, depth: int = 0) -> str:
    """One line of YAML that sets a path; a section that is only called otherwise keeps what stands in it."""
    keys = path.split(".")
    spot = structure.walk(root, {}, tuple(keys))
    value = "null" if value == 0 and is_off_by_null(spot, value) else value
    if spot.slot is not None and isinstance(value, str):
        value = synonyms.component(spot.slot.kind, value, spot.slot.table) or value
    text = _short(value) or "…"
    inner = keys[depth:]
    opening = "".join(f"{key}: {{" for key in inner[:-1])
    return f"{opening}{inner[-1]}: {text}{'}' * (len(inner) - 1)}"


def is_off_by_null(spot: Spot, value: object) -> bool:
    """Whether a zero or a false was meant to turn a setting off, which null does here. Zero steps are no such thing."""
    field = spot.field
    if field is None:
        return False
    is_zero = value is False or (value == 0 and any(kind.origin is not int for kind in spot.kinds))
    if not is_zero or type(None) not in get_args(field.annotation):
        return False
    whole = structure.Kind(field.annotation, tuple(field.metadata))
    annotation: Any = Annotated[(whole.annotation, *whole.metadata)] if whole.metadata else whole.annotation
    try:
        TypeAdapter[Any](annotation).validate_python(value)
    except ValidationError:
        return True
    return False


def _homes(root: Model) -> Iterator[str]:
    """Every setting of the sections (options of components left out, but for what all of a kind share)."""
    waiting: list[tuple[str, Model]] = [("", root)]
    while waiting:
        prefix, model = waiting.pop(0)
        for name, field in model.model_fields.items():
            path = f"{prefix}{name}"
            yield path
            for kind in structure.field_kinds(field):
                inner = kind.model if kind.slot is None else kind.annotation
                if inner is not None and not (kind.slot and kind.slot.kind not in {"optimizer", "scheduler"}):
                    waiting.append((f"{path}.", cast("Model", inner)))


def wrong_component(spot: Spot, code: str, message: str, context: Mapping[str, Any]) -> Problem:
    """Explain what can't be read as a component."""
    slot, path, value = cast("Slot", spot.slot), spot.path, spot.value
    entry = _component_in_the_place_of_a_target(slot, path)
    if entry is not None:
        return entry
    if code == "unknown_component":
        return _unknown_component(slot, path, value, str(context["tag"]))
    if code == "no_type" and isinstance(value, dict):
        options = cast("dict[str, Any]", value)
        for key, given in options.items():
            tag = synonyms.component(slot.kind, key, slot.table)
            if tag is not None:
                return Problem((*path, key), f"no {slot.kind} {key!r}", _calls(tag, _fix(tag, given)), on_key=True)
        hint = _components_with(slot, path, options, list(options), fix_first=True) or _all_of(slot)
        return Problem(path, message if options else f"has no type: which {slot.kind} is it?", hint, on_key=True)
    if code == "two_keys":
        return _two_keys(slot, path, message, str(context["keys"]).split(", "))
    if code == "no_main_option":
        return Problem((*path, str(context["tag"])), message)
    if code == "not_a_component":
        return Problem(
            path, f"needs the name of {_article(slot.kind)}, or its name with options; got {_short(value) or 'null'}", _all_of(slot)
        )
    return Problem(path, message, None if code == "no_source" else _all_of(slot))


def _component_in_the_place_of_a_target(slot: Slot, path: YamlPath) -> Problem | None:
    """What reads as an entry by target, and is rather a component with a typing error: `loss: {cross_entropi: {weight: 2}}`."""
    key = path[1] if slot.kind in {"loss", "task", "metric"} and len(path) > 1 else None
    if not isinstance(key, str):
        return None
    near = nearest(key, slot.table, cutoff=0.8)
    return Problem(path[:2], f"no {slot.kind} {key!r}", f"nearest: {', '.join(near)}", on_key=True) if near else None


def _two_keys(slot: Slot, path: YamlPath, message: str, keys: list[str]) -> Problem:
    for key in keys:
        near = nearest(key, _BESIDE) if key not in slot.table else []
        if near:
            return Problem((*path, key), "not a setting", f"nearest: {near[0]}", on_key=True)
    if isinstance(path[-1], int):
        return Problem(path, message, f"each has a line of its own:  - {'  - '.join(keys)}")
    return Problem(path, f"takes one {slot.kind}, and has the keys {', '.join(keys)}", "keep one of them")


def _unknown_component(slot: Slot, path: YamlPath, value: object, tag: str) -> Problem:
    options = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if options.get("type") == tag:
        place, on_key, written = (*path, "type"), False, "type: {}"
    elif tag in options and _is_option(slot, tag):
        hint = _components_with(slot, path, options, list(options), fix_first=True) or _all_of(slot)
        return Problem(path, f"has no type: which {slot.kind} is it?", hint, on_key=True)
    elif tag in options:
        place, on_key, written = (*path, tag), True, "{}: " + _short(options[tag])
    else:
        place, on_key, written = path, False, "{}"
    encoding = synonyms.component("encoding", tag, ("embedding", "one_hot")) if slot.kind == "field type" else None
    if encoding is not None and isinstance(path[-1], str):
        name = path[-1]
        fix = f"{name}: category   and   architecture: {{inputs: {{{name}: {encoding}}}}}"
        return Problem(place, f"no {slot.kind} {tag!r}: {encoding} is a way to read a category", f"fix:  {fix}", on_key)
    ours = synonyms.component(slot.kind, tag, slot.table)
    role = synonyms.choice("role", tag) if slot.kind == "field type" and ours is None and not options else None
    if role is not None:
        return Problem(
            place, f"no {slot.kind} {tag!r}", f"{role} is a role{'':<{_COLUMN}}"[:_COLUMN] + f"fix:  {path[-1]}: {{role: {role}}}"
        )
    if ours is not None:
        line = written.replace("{}", ours, 1)  # what follows is the user's, braces included
        is_item = isinstance(path[-1], int)
        if options.get("type") == tag or (is_item and not options):
            fix = line
        else:
            fix = f"- {line}" if is_item else f"{path[-1]}: {line}" if not options else f"{path[-1]}: {{{line}}}"
        return Problem(place, f"no {slot.kind} {tag!r}", _calls(ours, fix), on_key)
    plugin = plugins.TAG.fullmatch(tag)
    if plugin is not None:
        return _not_of_a_plugin(slot, place, plugin, on_key=on_key)
    if any(char in tag for char in ":.") and not slot.table.keys() & set(tag.split(":")):
        return Problem(
            place,
            f"no {slot.kind} {tag!r}",
            f"one of your own: {{type: my_package.my_module:Name}} and --plugin; {_plural(slot.kind)}: {', '.join(slot.table)}",
            on_key,
        )
    return Problem(place, f"no {slot.kind} {tag!r}", near_or_all(tag, list(slot.table), _plural(slot.kind)), on_key)


def _not_of_a_plugin(slot: Slot, place: YamlPath, tag: re.Match[str], *, on_key: bool) -> Problem:
    """What is wrong with a name that a plug-in would have: it is not allowed here, or has no such component."""
    module, name = tag[1], tag[2]
    if not plugins.is_allowed(module):
        hint = f"code runs only by your consent: if you trust {module}, add  --plugin {module}"
        return Problem(place, f"{tag[0]} is of a plug-in that is not allowed here", hint, on_key)
    return Problem(place, f"the plug-in {module} has no {slot.kind} {name}", f"{slot.kind} is the class that it must extend", on_key)


def _is_option(slot: Slot, key: str) -> bool:
    """Whether components of a slot have an option of this name."""
    return any(key in load_class(target).model_fields for target in slot.table.values())


def near_or_all(word: str, names: Sequence[str], what: str) -> str | None:
    """The nearest names, and all of them where they are few."""
    if not names:
        return None
    near = nearest(word, names)
    listed = _listed(what, names) if len(names) <= _MOST_NAMES else ""
    if not near:
        return listed or _listed(what, names)
    first = f"nearest: {', '.join(near)}"
    return f"{first:<20}   {listed}" if listed else first


def number_in(text: str, *, whole: bool) -> str | None:
    """The number that a text was meant to be: `"0.1"`, `0,1`, `10%`, `1_000`, `1k`; `None` if it is none."""
    written = text.strip().replace("_", "")
    match = re.fullmatch(r"([-+]?[0-9]+(?:[.,][0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*(%|[kK])?", written)
    if match is None:
        return None
    value = float(match[1].replace(",", ".")) * {"%": 0.01, "k": 1000.0, "K": 1000.0}.get(match[2] or "", 1.0)
    value = float(f"{value:.12g}")
    if value.is_integer() and (whole or "." not in written):
        return str(int(value))
    return None if whole else repr(value)


def _options(owner: Model | None, root: Model | None) -> list[str]:
    if owner is None:
        return []
    return [*(name for name in structure.fields_of(owner) if name != "type"), *(["extends"] if owner is root else [])]


def _written_tag(component: Spot) -> str | None:
    """The component at a place, if the config names it; where none is named, options are those of the default."""
    chosen = structure.split(component.slot, component.value)
    if chosen is None or component.slot is None:
        return None
    is_named = chosen[0] != component.slot.default or "type" in component.value or chosen[0] in component.value
    return chosen[0] if is_named else None


def _calls(ours: str, fix: str) -> str:
    first = f"nntrain calls it {ours}"
    return f"{first.ljust(max(_COLUMN, len(first) + 3))}fix:  {fix}"


def _fix(key: str, value: object) -> str:
    return f"{key}: {_short(value)}".rstrip()


def _short(value: object) -> str:
    text = "" if value is None else value_in_words(value)
    return text if len(text) <= 60 else "…"


def _all_of(slot: Slot) -> str:
    return _listed(_plural(slot.kind), list(slot.table))


def _listed(what: str, names: Sequence[str]) -> str:
    more = f", … ({len(names)})" if len(names) > _MOST_NAMES else ""
    return f"{what}: {', '.join(names[:_MOST_NAMES])}{more}"


def _plural(kind: str) -> str:
    return {"loss": "losses"}.get(kind, f"{kind}s")


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
