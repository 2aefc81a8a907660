"""A checker of the part of JSON Schema that the schema of configs uses; a keyword it doesn't know is a failure."""

import re
from operator import ge, gt, le, lt
from typing import Any

_DESCRIBES = {"$schema", "$defs", "title", "description", "default", "format"}
_TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def accepts(schema: dict[str, Any], value: object) -> bool:
    """Whether a value fits a schema."""
    return _fits(schema, value, schema["$defs"])


def _fits(schema: dict[str, Any] | bool, value: Any, defs: dict[str, Any]) -> bool:
    if isinstance(schema, bool):
        return schema
    rules = [key for key in schema if key not in _DESCRIBES]
    assert not set(rules) - _RULES.keys() - _BOUNDS.keys() - _SIZES.keys(), rules
    return all(_rule(key, schema, value, defs) for key in rules)


def _rule(key: str, schema: dict[str, Any], value: Any, defs: dict[str, Any]) -> bool:
    if key in _BOUNDS:
        return not isinstance(value, int | float) or isinstance(value, bool) or _BOUNDS[key](value, schema[key])
    if key in _SIZES:
        kind, holds = _SIZES[key]
        return not isinstance(value, kind) or holds(len(value), schema[key])
    return _RULES[key](schema[key], schema, value, defs)


def _properties(rule: Any, schema: Any, value: Any, defs: Any) -> bool:
    return not isinstance(value, dict) or all(_fits(rule[name], item, defs) for name, item in value.items() if name in rule)


def _other_properties(rule: Any, schema: Any, value: Any, defs: Any) -> bool:
    others = [item for name, item in value.items() if name not in schema.get("properties", {})] if isinstance(value, dict) else []
    return not others if rule is False else rule is True or all(_fits(rule, item, defs) for item in others)


def _items(rule: Any, schema: Any, value: Any, defs: Any) -> bool:
    rest = value[len(schema.get("prefixItems", [])) :] if isinstance(value, list) else []
    return not rest if rule is False else all(_fits(rule, item, defs) for item in rest)


def _first_items(rule: Any, schema: Any, value: Any, defs: Any) -> bool:
    return not isinstance(value, list) or all(_fits(member, item, defs) for member, item in zip(rule, value, strict=False))


_BOUNDS: dict[str, Any] = {"minimum": ge, "maximum": le, "exclusiveMinimum": gt, "exclusiveMaximum": lt}
_SIZES: dict[str, Any] = {
    "minItems": (list, ge),
    "maxItems": (list, le),
    "minProperties": (dict, ge),
    "maxProperties": (dict, le),
    "minLength": (str, ge),
}
_RULES: dict[str, Any] = {
    "$ref": lambda rule, schema, value, defs: _fits(defs[rule.removeprefix("#/$defs/")], value, defs),
    "type": lambda rule, schema, value, defs: _has_type(rule, value),
    "anyOf": lambda rule, schema, value, defs: any(_fits(member, value, defs) for member in rule),
    "oneOf": lambda rule, schema, value, defs: sum(_fits(member, value, defs) for member in rule) == 1,
    "enum": lambda rule, schema, value, defs: value in rule,
    "const": lambda rule, schema, value, defs: value == rule,
    "required": lambda rule, schema, value, defs: not isinstance(value, dict) or all(name in value for name in rule),
    "pattern": lambda rule, schema, value, defs: not isinstance(value, str) or re.search(rule, value) is not None,
    "properties": _properties,
    "additionalProperties": _other_properties,
    "items": _items,
    "prefixItems": _first_items,
}


def _has_type(name: str, value: object) -> bool:
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])
