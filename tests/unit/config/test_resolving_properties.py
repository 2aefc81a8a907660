"""Any config that is accepted resolves to a text that reads back as the same experiment, and resolves to itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nntrain.config import loading
from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.experiment import Experiment
from nntrain.config.reading import read_document, read_mapping
from nntrain.config.resolving import differences, resolved_text, resolved_tree
from nntrain.errors import ConfigError

WORDS = ["a", "x1", "validation.loss", "sum", "=2*3"]
MOST_OPTIONS = 2
DEEPEST = 4


def value(draw: st.DrawFn, schema: Mapping[str, Any], depth: int) -> Any:
    """A value that a schema allows, or nearly: what is refused is left to the reader."""
    found = catalogue()
    if "anyOf" in schema:
        return value(draw, draw(st.sampled_from(schema["anyOf"])), depth)
    if "x-slot" in schema:
        kind = schema["x-slot"]
        tag = draw(st.sampled_from(sorted(found.slots[kind].table)))
        options = mapping(draw, found.definition(found.component(kind, tag)), depth + 1)
        short = draw(st.booleans())
        return tag if short and not options else {tag: options} if short else {"type": tag, **options}
    if "$ref" in schema:
        return mapping(draw, found.definitions[schema["$ref"].rpartition("/")[2]], depth + 1)
    for fixed in ("const", "enum"):
        if fixed in schema:
            return draw(st.sampled_from(schema[fixed])) if fixed == "enum" else schema[fixed]
    return plain(draw, schema, depth)


def plain(draw: st.DrawFn, schema: Mapping[str, Any], depth: int) -> Any:
    """A number, a word, a list or a mapping."""
    kind = str(schema.get("type"))
    if kind in ("integer", "number"):
        low, high = schema.get("minimum", schema.get("exclusiveMinimum", -2)), schema.get("maximum", schema.get("exclusiveMaximum", 9))
        if kind == "integer":
            return draw(st.integers(int(low), max(int(low), int(min(high, low + 9)))))
        return draw(st.sampled_from([low, high, low + (high - low) / 3, low + 1e-5, 1]))
    if kind == "array":
        count = draw(st.integers(schema.get("minItems", 0), 3)) if depth < DEEPEST else schema.get("minItems", 0)
        items = schema.get("prefixItems") or [schema.get("items", {})] * count
        return [value(draw, item, depth + 1) for item in items]
    if kind == "object":
        inner = schema.get("additionalProperties")
        names = draw(st.lists(st.sampled_from(WORDS[:3]), max_size=2, unique=True)) if isinstance(inner, dict) else []
        return {name: value(draw, cast("dict[str, Any]", inner), depth + 1) for name in names}
    if kind == "null":
        return None
    return draw(st.booleans()) if kind == "boolean" else draw(st.sampled_from(WORDS))


def mapping(draw: st.DrawFn, definition: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """What is required, and a few of the other options."""
    properties = {name: schema for name, schema in definition.get("properties", {}).items() if name != "type"}
    required = [name for name in definition.get("required", []) if name in properties]
    others = sorted(set(properties) - set(required))
    most = MOST_OPTIONS if depth < DEEPEST else 0
    chosen = draw(st.lists(st.sampled_from(others), max_size=most, unique=True)) if others else []
    return {name: value(draw, properties[name], depth) for name in (*required, *chosen)}


SECTIONS = [name for name in Experiment.model_fields if name not in ("data", "plugins")]


@st.composite
def configs(draw: st.DrawFn) -> dict[str, Any]:
    """A config with drawn sections; the data section is one that fits."""
    properties = catalogue().definition(Experiment)["properties"]
    data = mapping(draw, catalogue().definitions["DataSettings"], 2)
    chosen = draw(st.lists(st.sampled_from(SECTIONS), min_size=1, max_size=2, unique=True))
    written = {name: value(draw, properties[name], 0) for name in chosen}
    return {**written, "data": {"source": "a.csv", "target": "y"} | (data if draw(st.booleans()) else {})}


def check(config: dict[str, Any]) -> bool:
    """Resolve a config that is accepted, twice; returns whether it was."""
    try:
        first = read_mapping(config)
    except ConfigError:
        return False
    text = resolved_text(first.experiment, first.document)
    again = read_document(loading.parse(text, "resolved.yaml"), (), Path())
    assert differences(resolved_tree(first.experiment), resolved_tree(again.experiment)) == []
    assert again.experiment == first.experiment
    assert resolved_text(again.experiment, again.document) == text
    return True


@pytest.mark.parametrize("count", [150, pytest.param(5000, marks=pytest.mark.slow)])
def test_whatever_is_accepted_resolves_to_itself(count: int) -> None:
    accepted = 0

    @settings(max_examples=count)
    @given(configs())
    def each(config: dict[str, Any]) -> None:
        nonlocal accepted
        accepted += check(config)

    each()
    assert accepted > count / 10  # else the drawing proves little


def components() -> list[tuple[str, str]]:
    found = catalogue()
    kinds = {"optimizer": "optimizer", "schedule": "scheduler", "loss": "loss", "metric": "metrics", "task": "task"}
    return [(kinds[kind], tag) for kind in kinds if kind in found.slots for tag in found.slots[kind].table]


@pytest.mark.parametrize(("section", "tag"), components())
def test_each_component_with_its_defaults_resolves_to_itself(section: str, tag: str) -> None:
    kind = {"scheduler": "schedule", "metrics": "metric"}.get(section, section)
    needed = set(catalogue().definition(catalogue().component(kind, tag)).get("required", [])) - {"type"}
    written = {"type": tag}
    config = {"data": {"source": "a.csv", "target": "y"}, section: [written] if section == "metrics" else written}
    assert check(config) or needed
