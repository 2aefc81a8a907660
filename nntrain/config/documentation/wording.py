"""Types, ranges and defaults in words, and one value that would be accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.config.writing import scalar
from nntrain.wording import with_article

if TYPE_CHECKING:
    from nntrain.config.documentation.catalogue import Catalogue

Schema = dict[str, Any]
Definitions = Mapping[str, Schema]

MAIN: Final = "x-main"
"""Marks the setting that a section's value alone sets."""
REFERENCE: Final = "#/$defs/"
"""What the name of a definition follows in a `$ref`."""

_PLAIN: Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "null": "null",
    "object": "a mapping",
}
_MAX_KEYS: Final = 4

PATTERNS: Final = {
    r"^(auto|cpu|mps|cuda(:\d+)?)$": "auto, cpu, cuda, cuda:0 (or another number) or mps",
    r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$": "letters, digits, _ . and - without blanks",
    r"^[A-Za-z0-9][A-Za-z0-9.+-]*$": "letters, digits, . + and - without blanks",
    r"^[A-Za-z0-9_./-]+$": "letters, digits, _ . / and - without blanks",
    r"^[A-Za-z_][A-Za-z0-9_]*$": "letters, digits and _, no digit first",
}
"""Patterns of texts, in words."""


def first_sentence(text: str) -> str:
    """The first sentence of a docstring, on one line."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s+(?=[A-Z`'\"(])", paragraph, maxsplit=1)[0]


def named(reference: str) -> str:
    """Name of the definition that a `$ref` points to."""
    return reference.removeprefix(REFERENCE)


def type_in_words(definitions: Definitions, schema: Schema) -> str:
    """What may stand at a place: `a whole number above 0, or null for off`."""
    if "x-slot" in schema:
        return with_article(schema["x-slot"])
    if "$ref" in schema:
        return _section(definitions, definitions[named(schema["$ref"])])
    if "anyOf" in schema:
        return _alternatives([type_in_words(definitions, member) for member in schema["anyOf"]])
    if "const" in schema or "enum" in schema:
        values = [value_in_words(value) for value in schema.get("enum", [schema.get("const")])]
        return ", ".join(values[:-1]) + f" or {values[-1]}" if len(values) > 1 else values[0]
    if schema.get("type") == "array":
        return _list(definitions, schema)
    if isinstance(schema.get("additionalProperties"), dict):
        return f"a mapping from names to {type_in_words(definitions, schema['additionalProperties'])}"
    if "pattern" in schema:
        return PATTERNS.get(schema["pattern"], "text")
    return _PLAIN.get(schema.get("type", ""), "any value") + _range(schema)


def in_code(text: str) -> str:
    """A word of the config in Markdown."""
    return f"`{text}`"


def value_in_words(value: object) -> str:
    """A value as it is written in YAML, on one line; settings inside it that are off are left out."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return "{" + ", ".join(f"{key}: {value_in_words(item)}" for key, item in items if item is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(value_in_words(item) for item in cast("list[object]", value)) + "]"
    if isinstance(value, str):
        return value if re.fullmatch(r"[A-Za-z_][\w.-]*", value) else json.dumps(value, ensure_ascii=False)
    return scalar(value)


def default_in_words(value: object) -> str:
    """A default; a component all of whose options are off is its name."""
    text = value_in_words(value)
    return text.removeprefix("{type: ").removesuffix("}") if re.fullmatch(r"\{type: \w+\}", text) else text


def sample(content: Catalogue, schema: Schema) -> object:
    """A value that fits, for an example: the default if it says something, else a plausible one."""
    default = schema.get("default")
    if default not in (None, False, [], {}, ""):
        return default
    named_one = re.search(r"such as `([^`]+)`", schema.get("description", ""))
    if named_one is not None:
        return named_one[1]
    if "anyOf" in schema:
        return sample(content, schema["anyOf"][0])
    if "x-slot" in schema:
        return _component(content, schema["x-slot"])
    if "$ref" in schema:
        return _filled(content, content.definitions[named(schema["$ref"])])
    if "const" in schema or "enum" in schema:
        return schema.get("enum", [schema.get("const")])[0]
    if schema.get("type") == "array":
        return [sample(content, item) for item in schema.get("prefixItems", [schema.get("items", {})])]
    if isinstance(schema.get("additionalProperties"), dict):
        return {"NAME": sample(content, schema["additionalProperties"])}
    return {"boolean": True, "string": "NAME", "null": None}.get(schema.get("type", ""), _number(schema))


def _component(content: Catalogue, kind: str) -> object:
    """The first component that needs no options, else the first with what it needs."""
    slot = content.slots[kind]
    definitions = {tag: content.definition(content.component(kind, tag)) for tag in slot.table}
    bare = next((tag for tag, definition in definitions.items() if not definition.get("required")), None)
    if bare is not None:
        return bare
    tag, definition = next(iter(definitions.items()))
    return {"type": tag, **_filled(content, definition)}


def _filled(content: Catalogue, definition: Schema) -> dict[str, object]:
    """The required settings of a section, or else its first one."""
    properties = cast("dict[str, Schema]", definition.get("properties", {}))
    keys = definition.get("required") or [key for key in properties if key != "type"][:1]
    return {key: sample(content, properties[key]) for key in keys}


def _number(schema: Schema) -> float | int:
    lowest = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    highest = schema.get("maximum", schema.get("exclusiveMaximum"))
    if schema.get("type") == "integer":
        return max(10, lowest) if highest is None else max(lowest, min(10, highest))
    return lowest + 0.1 if highest is None else lowest + 0.1 * (highest - lowest)


def _alternatives(words: list[str]) -> str:
    if words[-1] == "null" and len(words) == 2:
        return f"{words[0]}, or null"
    return ", ".join(words[:-1]) + f" or {words[-1]}"


def _section(definitions: Definitions, definition: Schema) -> str:
    options = cast("dict[str, Any]", definition.get("properties", {}))
    keys = list(options)
    shown = ", ".join(keys[:_MAX_KEYS]) + (", …" if len(keys) > _MAX_KEYS else "")
    alone = f"{type_in_words(definitions, options[definition[MAIN]])}, or " if MAIN in definition else ""
    return f"{alone}settings ({shown})"


def _list(definitions: Definitions, schema: Schema) -> str:
    if "prefixItems" in schema:
        kinds = {type_in_words(definitions, item) for item in schema["prefixItems"]}
        if len(kinds) == 1:
            return f"a list of {len(schema['prefixItems'])}, each {kinds.pop()}"
        return "[" + ", ".join(type_in_words(definitions, item) for item in schema["prefixItems"]) + "]"
    least = f" of at least {schema['minItems']}" if schema.get("minItems") else ""
    return f"a list{least}, each {type_in_words(definitions, schema.get('items', {}))}"


def _range(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if low is not None and high is not None:
        return f" from {_bound(low)} to {_bound(high)}"
    words = [
        f"{word} {_bound(bound)}"
        for word, bound in (("from", low), ("above", above), ("up to", high), ("below", below))
        if bound is not None
    ]
    return (" " + " and ".join(words)) if words else ""


def _bound(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else scalar(value)
