"""What the JSON Schema says of arithmetic, repeats and blocks, which are written out before a config is read.

A layer's name may be that of a block, which only the config itself knows: an editor completes the names of layers, and `nntrain check`
tells a misspelt one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from nntrain.config.documentation.catalogue import reference_to
from nntrain.config.documentation.wording import Schema
from nntrain.config.formulas import NAME

EXPRESSION: Final = "expression"
DEFINITION: Final[Schema] = {
    "type": "string",
    "pattern": "^=",
    "description": "Whole-number arithmetic over variables, options of a block, in and out: =in//2. A name alone stands for any value.",
}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 1, "description": "Number of rounds."}


def with_expressions(node: Any) -> Any:
    """The same schema with arithmetic allowed wherever a number or a word of a list of words is."""
    if isinstance(node, list):
        return [with_expressions(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("Schema", node)
    made = {key: _properties(value) if key == "properties" else with_expressions(value) for key, value in schema.items() if key != "enum"}
    if "enum" in schema:
        made["enum"] = schema["enum"]
    if schema.get("type") not in {"integer", "number", "boolean"} and "enum" not in schema:
        return made
    about = {key: made.pop(key) for key in ("default", "description") if key in made}
    return {"anyOf": [made, reference_to(EXPRESSION)], **about}


def _properties(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value if key == "type" else with_expressions(value) for key, value in properties.items()}


def layer_forms(slot: str, tags: Sequence[str], needy: Sequence[str], beside: dict[str, Schema]) -> list[Schema]:
    """What may stand in a list in place of a layer: a list, a repeat, the use of a block.

    Args:
        slot: Name of the definition of layers.
        tags: All layers, which are no blocks.
        needy: Those that can't be without options.
        beside: What may stand beside a layer.
    """
    layers: Schema = {"type": "array", "items": reference_to(slot)}
    repeat: Schema = {
        "type": "object",
        "description": "Its layers several times, each time with weights of their own.",
        "properties": {"times": _COUNT, "for": {"type": "object", "description": "Values for each round, by name."}, "layers": layers},
        "required": ["layers"],
        "additionalProperties": False,
        "oneOf": [{"required": ["times"]}, {"required": ["for"]}],
    }
    use: Schema = {"type": "object", "description": "The use of a block.", "minProperties": 1, "maxProperties": 1 + len(beside)}
    return [
        {**layers, "description": "Layers, put in here one after another."},
        {"type": "object", "properties": {"repeat": repeat}, "required": ["repeat"], "additionalProperties": False},
        {**use, "properties": {**dict.fromkeys([*tags, "repeat", "type"], False), **beside}},
        {"type": "string", "pattern": f"^(?!({'|'.join(needy)})$){NAME.pattern}$", "description": "The use of a block."},
    ]
