"""Every setting and component of a config, collected from the classes and tables that read it: the one source of all documentation."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, cast, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from nntrain.config.documentation.wording import MAIN, REFERENCE, Schema, named
from nntrain.schema import Component, Slot, StrictModel, load_class, load_name

Model = type[StrictModel]

_ROOT = "nntrain.config.experiment:Experiment"
_NESTED = frozenset({"layer", "activation", "feedforward activation"})
"""Components that stand in lists and inside of one another: their options have no one path."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of a section or one option of a component."""

    path: tuple[str, ...]
    """Keys from the root, without list positions; `*` stands for a name of the user's choice (`data.fields.*.type`)."""
    schema: Schema
    required: bool
    tag: str | None = None
    """The component that has this option, where the path leads through a slot."""
    components: tuple[tuple[int, str, str], ...] = ()
    """Every component on the way: how many keys lead to it, its kind and its tag."""

    @property
    def name(self) -> str:
        """The path as people write it."""
        return ".".join(self.path)

    @property
    def description(self) -> str:
        """The docstring under the field."""
        return self.schema.get("description", "")

    @property
    def default(self) -> object:
        """What applies where the setting is left out; `None` may mean that there is nothing to apply."""
        return self.schema.get("default")


@dataclass(frozen=True)
class Catalogue:
    """The models that a config may hold, as JSON Schema, and the slots between them."""

    root: Model
    definitions: Mapping[str, Schema]
    """Class name to schema; a slot inside is `{"x-slot": kind}`."""
    slots: Mapping[str, Slot]
    """Kind (`layer`) to slot."""
    names: Mapping[Model, str]
    """Class to its name in `definitions`."""

    def definition(self, model: Model) -> Schema:
        """Schema of a section or component."""
        return self.definitions[self.names[model]]

    def component(self, kind: str, tag: str) -> type[Component]:
        """Class of a component."""
        return load_class(self.slots[kind].table[tag])

    def options(
        self, schema: Schema, path: tuple[str, ...] = (), tag: str | None = None, components: tuple[tuple[int, str, str], ...] = ()
    ) -> list[Setting]:
        """Settings that a definition lists, in its order; `type` is none: it names the component."""
        required = schema.get("required", [])
        properties = cast("dict[str, Schema]", schema.get("properties", {}))
        return [
            Setting((*path, key), value, key in required, tag, components)
            for key, value in properties.items()
            if key != "type" or tag is None
        ]

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """Every setting that has one place, in the order of the sections. What a list of components holds is left to the components."""
        return tuple(self._below(self.options(self.definition(self.root)), frozenset()))

    @cached_property
    def places(self) -> Mapping[str, tuple[Setting, tuple[str, ...], bool]]:
        """Where components of each kind stand first, least deep: the setting, the whole path, and whether it is a list of them."""
        found: dict[str, tuple[Setting, tuple[str, ...], bool]] = {}
        for setting in self.settings:
            for member, path in members(setting.schema, setting.path):
                for kind in filter(None, (member.get("x-slot"), member.get("items", {}).get("x-slot"))):
                    if kind not in found or len(path) < len(found[kind][1]):
                        found[kind] = setting, path, "items" in member
        return found

    def within(self, kind: str, tag: str) -> list[Setting]:
        """Options of a component and, after each, the settings of the section that it is; components inside are left out."""
        options = self.options(self.definition(self.component(kind, tag)), (), tag, ((0, kind, tag),))
        return list(self._below(options, frozenset(self.slots)))

    def _below(self, settings: list[Setting], seen: frozenset[str]) -> Iterator[Setting]:
        for setting in settings:
            yield setting
            for member, path in members(setting.schema, setting.path):
                kind = member.get("x-slot")
                reference = member.get("$ref") or member.get("items", {}).get("$ref")
                if kind is not None and kind not in seen and kind not in _NESTED:
                    for tag in self.slots[kind].table:
                        components = (*setting.components, (len(path), kind, tag))
                        options = self.options(self.definition(self.component(kind, tag)), path, tag, components)
                        yield from self._below(options, seen | {kind})
                elif reference is not None:
                    inner = self.options(self.definitions[named(reference)], path, setting.tag, setting.components)
                    yield from self._below(inner, seen)


def members(schema: Schema, path: tuple[str, ...]) -> Iterator[tuple[Schema, tuple[str, ...]]]:
    """What may stand at a place, one alternative a time, entries of mappings included; entries of lists are not."""
    for member in schema.get("anyOf", [schema]):
        yield member, path
        entries = member.get("additionalProperties")
        if isinstance(entries, dict):
            yield from members(cast("Schema", entries), (*path, "*"))


def reference_to(name: str) -> Schema:
    """A `$ref` to a definition."""
    return {"$ref": f"{REFERENCE}{name}"}


@cache
def catalogue(root: Model | None = None) -> Catalogue:
    """Collect all models and slots that can be reached from a root, by default that of a config."""
    model = cast("Model", load_name(_ROOT)) if root is None else root
    models, slots = _collect(model)
    references, document = models_json_schema(
        [(found, "validation") for found in models], ref_template=f"{REFERENCE}{{model}}", schema_generator=_Generator
    )
    names = {cast("Model", found): named(reference["$ref"]) for (found, _), reference in references.items()}
    definitions = cast("dict[str, Schema]", document["$defs"])
    for definition in definitions.values():
        definition.pop("title", None)
    for found, name in names.items():
        if found.main is not None and not issubclass(found, Component):
            definitions[name][MAIN] = found.main
        for key, description in attribute_docstrings(found).items():
            if key in definitions[name].get("properties", {}):
                definitions[name]["properties"][key]["description"] = description
    return Catalogue(model, definitions, slots, names)


def attribute_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """The strings under a model's settings, its bases' included, by the key that a config has.

    Read from the source when documentation is asked for: pydantic's own reading doubles the time that a check takes.
    """
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, StrictModel) and base is not StrictModel:
            found |= _docstrings_below(base)
    aliases = {name: field.alias for name, field in model.model_fields.items() if field.alias is not None}
    return {aliases.get(name, name): text for name, text in found.items() if name in model.model_fields}


def _docstrings_below(model: Model) -> dict[str, str]:
    definition = _classes(model.__module__)[model.__qualname__]
    return {
        statement.target.id: inspect.cleandoc(below.value.value)
        for statement, below in itertools.pairwise(definition.body)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }


@cache
def _classes(module: str) -> Mapping[str, ast.ClassDef]:
    """The classes of a module by qualified name, from its source, which is parsed once for all of them."""
    return dict(_classes_within(ast.parse(inspect.getsource(sys.modules[module])), ""))


def _classes_within(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield prefix + child.name, child
            yield from _classes_within(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef):
            yield from _classes_within(child, f"{prefix}{child.name}.<locals>.")


class _Generator(GenerateJsonSchema):
    """Without titles, which only repeat the keys."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _collect(root: Model) -> tuple[list[Model], dict[str, Slot]]:
    models: dict[Model, None] = {}
    slots: dict[str, Slot] = {}
    waiting: list[Any] = [root]
    while waiting:
        found = waiting.pop(0)
        if isinstance(found, Slot):
            if found.kind not in slots:
                slots[found.kind] = found
                waiting += [load_class(target) for target in found.table.values()]
        elif isinstance(found, type) and issubclass(found, StrictModel):
            if found not in models:
                models[found] = None
                waiting += [part for field in found.model_fields.values() for part in _parts((field.annotation, *field.metadata))]
        else:
            waiting += _parts(get_args(found))
    return list(models), slots


def _parts(annotation: tuple[Any, ...]) -> tuple[Any, ...]:
    """What to look into: of `Annotated[Layer, Slot(…)]` the slot only, as its base class never stands in a config itself."""
    slots = tuple(part for part in annotation if isinstance(part, Slot))
    return slots or annotation
