"""A checker of the part of JSON Schema that the schema of configs uses; a keyword it doesn't know is a failure."""

import re
from collections.abc import Iterator
from typing import Any

_DESCRIBES = {"$schema", "$defs", "title", "description", "default", "format"}
_TYPES: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def accepts(schema: dict[str, Any], value: object) -> bool:
    """Whether a value fits a schema."""
    return _fits(schema, value, schema["$defs"])


def keywords(node: Any) -> Iterator[str]:
    """Every keyword of a schema, those of its properties included."""
    for key, value in node.items():
        yield key
        if key in ("properties", "$defs"):
            for inner in value.values():
                yield from keywords(inner)
        elif key in ("anyOf", "oneOf", "prefixItems"):
            for inner in value:
                yield from keywords(inner)
        elif isinstance(value, dict) and key != "default":
            yield from keywords(value)


def _fits(schema: dict[str, Any], value: Any, defs: dict[str, Any]) -> bool:
    return all(_rule(key, schema, value, defs) for key in schema if key not in _DESCRIBES)


def _rule(key: str, schema: dict[str, Any], value: Any, defs: dict[str, Any]) -> bool:
    rule = schema[key]
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    match key:
        case "$ref":
            return _fits(defs[rule.removeprefix("#/$defs/")], value, defs)
        case "type":
            return _has_type(rule, value)
        case "anyOf":
            return any(_fits(member, value, defs) for member in rule)
        case "oneOf":
            return sum(_fits(member, value, defs) for member in rule) == 1
        case "enum":
            return value in rule
        case "const":
            return value == rule
        case "required":
            return not isinstance(value, dict) or all(name in value for name in rule)
        case "properties":
            return not isinstance(value, dict) or all(_fits(rule[name], item, defs) for name, item in value.items() if name in rule)
        case "additionalProperties":
            others = [item for name, item in value.items() if name not in schema.get("properties", {})] if isinstance(value, dict) else []
            return not others if rule is False else rule is True or all(_fits(rule, item, defs) for item in others)
        case "items":
            rest = value[len(schema.get("prefixItems", [])) :] if isinstance(value, list) else []
            return not rest if rule is False else all(_fits(rule, item, defs) for item in rest)
        case "prefixItems":
            return not isinstance(value, list) or all(_fits(member, item, defs) for member, item in zip(rule, value, strict=False))
        case "minItems":
            return not isinstance(value, list) or len(value) >= rule
        case "maxItems":
            return not isinstance(value, list) or len(value) <= rule
        case "minProperties":
            return not isinstance(value, dict) or len(value) >= rule
        case "minLength":
            return not isinstance(value, str) or len(value) >= rule
        case "pattern":
            return not isinstance(value, str) or re.search(rule, value) is not None
        case "minimum":
            return number is None or number >= rule
        case "maximum":
            return number is None or number <= rule
        case "exclusiveMinimum":
            return number is None or number > rule
        case "exclusiveMaximum":
            return number is None or number < rule
    raise AssertionError(f"unknown keyword {key}")


def _has_type(name: str, value: object) -> bool:
    if name in ("integer", "number"):
        return isinstance(value, int if name == "integer" else int | float) and not isinstance(value, bool)
    return isinstance(value, _TYPES[name])
