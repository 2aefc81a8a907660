"""The JSON Schema of configs, for completion and hints in editors. Each slot becomes a definition that lists its components."""

from __future__ import annotations

from typing import Any, Final, cast

from nntrain.config.documentation.catalogue import Catalogue, Model, reference_to
from nntrain.config.documentation.macro_schema import DEFINITION, EXPRESSION, layer_forms, with_expressions
from nntrain.config.documentation.wording import MAIN, Schema
from nntrain.config.structure import split
from nntrain.schema import Slot

_FILE: Final = "file.csv"
_PROBES: Final = (None, _FILE, "file.npz")
"""Values that an option may need to tell its component."""
_EXTENDS: Final[Schema] = {"type": "string", "description": "Another config file that this one builds on; what stands here wins."}


def json_schema(content: Catalogue) -> Schema:
    """The schema of a whole config file."""
    definitions = {name: _linked(definition) for name, definition in content.definitions.items()}
    for model, name in content.names.items():
        definitions[name] = _with_short_form(content, model, definitions[name])
    slots = {_key(kind): _slot(content, slot) for kind, slot in content.slots.items()}
    root = definitions.pop(content.names[content.root])
    root["properties"] = {"extends": _EXTENDS, **root["properties"]}
    required = root.pop("required", [])
    root["anyOf"] = [{"required": required}, {"required": ["extends"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nntrain config",
        **with_expressions(root),
        "$defs": {**{name: with_expressions(each) for name, each in sorted({**definitions, **slots}.items())}, EXPRESSION: DEFINITION},
    }


def _with_short_form(content: Catalogue, model: Model, definition: Schema) -> Schema:
    """A section that may be written shorter: as the value of its main setting, or with a component's tag among its keys."""
    if model.rest is not None:
        kind = _slot_kind(content.definitions[content.names[model]]["properties"][model.rest])
        tags = _short_form(content, content.slots[kind], _references(content, content.slots[kind]))["properties"]
        repeat = layer_forms(_key(kind), (), (), {})[1]["properties"]
        opened = {key: value for key, value in definition.items() if key != "additionalProperties"}  # one may be the name of a block
        return {**opened, "properties": {**tags, **repeat, **definition["properties"]}}
    if MAIN in definition:
        main = definition["properties"][definition.pop(MAIN)]
        return {"anyOf": [{key: value for key, value in main.items() if key != "default"}, definition]}
    return definition


def _key(kind: str) -> str:
    """A kind as the name of a definition, which a reference can hold as it is."""
    return kind.replace(" ", "_")


def _slot_kind(schema: Schema) -> str:
    return next(member["x-slot"] for member in schema.get("anyOf", [schema]) if "x-slot" in member)


def _references(content: Catalogue, slot: Slot) -> dict[str, Schema]:
    return {tag: reference_to(content.names[content.component(slot.kind, tag)]) for tag in slot.table}


def _slot(content: Catalogue, slot: Slot) -> Schema:
    """All ways to write a component: its name, its name with options, and `type` beside the options."""
    references = _references(content, slot)
    bare = [tag for tag in slot.table if not _needed(content, slot, tag)]
    forms: list[Schema] = [{"enum": bare}] if bare else []
    if split(slot, _FILE) is not None:
        forms.append({"type": "string", "pattern": r"\.[A-Za-z0-9]+$", "description": "A file, read by what its suffix says."})
    short = _short_form(content, slot, references)
    forms.append(short)
    if slot.kind == "layer":
        beside = {key: value for key, value in short["properties"].items() if key not in slot.table}
        forms += layer_forms(_key(slot.kind), list(slot.table), [tag for tag in slot.table if tag not in bare], beside)
    forms += [
        {**reference} if _has_implied_type(content, slot, tag) else {**reference, "required": ["type"]}
        for tag, reference in references.items()
    ]
    return {"anyOf": forms}


def _short_form(content: Catalogue, slot: Slot, references: dict[str, Schema]) -> Schema:
    """`{linear: 128}` or `{linear: {out_features: 128}, name: code}`: one tag, and the options that may stand beside it."""
    properties: dict[str, Schema] = {}
    for tag, reference in references.items():
        component = content.component(slot.kind, tag)
        options = cast("dict[str, Schema]", content.definition(component).get("properties", {}))
        main = [_linked(options[component.main])] if component.main is not None else []
        description = content.definition(component).get("description")
        properties[tag] = {"anyOf": [*main, reference, {"type": "null"}], **({"description": description} if description else {})}
        properties |= {key: _linked(options[key]) for key in sorted(component.shared) if key not in slot.table}
    one_of = [{"required": [tag]} for tag in references]
    return {"type": "object", "properties": properties, "additionalProperties": False, "oneOf": one_of}


def _needed(content: Catalogue, slot: Slot, tag: str) -> list[str]:
    """Options that a component can't be without."""
    return content.definition(content.component(slot.kind, tag)).get("required", [])


def _has_implied_type(content: Catalogue, slot: Slot, tag: str) -> bool:
    """Whether `type` may be left out because one of the options tells the component."""
    options = cast("dict[str, Schema]", content.definition(content.component(slot.kind, tag)).get("properties", {}))
    found = [split(slot, {key: value}) for key in options if key != "type" for value in _PROBES]
    return tag == slot.default or any(chosen is not None and chosen[0] == tag for chosen in found)


def _linked(node: Any) -> Any:
    """The same schema with `$ref` in the place of slots."""
    if isinstance(node, list):
        return [_linked(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    linked = {key: _linked(value) for key, value in cast("Schema", node).items() if key != "x-slot"}
    return {**reference_to(_key(cast("Schema", node)["x-slot"])), **linked} if "x-slot" in node else linked
