"""The JSON Schema of configs, for completion and hints in editors. Each slot becomes a definition that lists its components."""

from __future__ import annotations

from typing import Any, cast

from nntrain.config.documentation.catalogue import Catalogue, Schema, reference_to
from nntrain.schema import Slot

_EXTENDS: Schema = {"type": "string", "description": "Another config file that this one builds on; what stands here wins."}


def json_schema(content: Catalogue) -> Schema:
    """The schema of a whole config file."""
    definitions = {name: _linked(definition) for name, definition in content.definitions.items()}
    slots = {kind: _slot(content, slot) for kind, slot in content.slots.items()}
    root = definitions.pop(content.names[content.root])
    root["properties"] = {"extends": _EXTENDS, **root["properties"]}
    required = root.pop("required", [])
    root["anyOf"] = [{"required": required}, {"required": ["extends"]}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nntrain config",
        **root,
        "$defs": dict(sorted({**definitions, **slots}.items())),
    }


def _slot(content: Catalogue, slot: Slot) -> Schema:
    """All ways to write a component: its name, its name with options, and `type` beside the options."""
    references = {tag: reference_to(content.names[content.component(slot.kind, tag)]) for tag in slot.table}
    bare = [tag for tag in slot.table if not _needed(content, slot, tag)]
    forms: list[Schema] = [{"enum": bare}] if bare else []
    forms.append(_short_form(content, slot, references))
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
    """Whether `type` may be left out because the options tell the component."""
    if slot.infer is None:
        return tag == slot.default
    needed = _needed(content, slot, tag)
    return tag == slot.default or (bool(needed) and slot.infer(dict.fromkeys(needed)) == tag)


def _linked(node: Any) -> Any:
    """The same schema with `$ref` in the place of slots."""
    if isinstance(node, list):
        return [_linked(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    linked = {key: _linked(value) for key, value in cast("Schema", node).items() if key != "x-slot"}
    return {**reference_to(cast("Schema", node)["x-slot"]), **linked} if "x-slot" in node else linked
