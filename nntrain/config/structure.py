"""Walks through a schema along a path: which model has a key, which component stands at a place, what is accepted there."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from nntrain.errors import YamlPath
from nntrain.schema import Component, Slot, load_class

Model = type[BaseModel]


@dataclass(frozen=True, slots=True)
class Kind:
    """What may stand at a place: one member of an annotation, without `None`."""

    annotation: Any
    metadata: tuple[Any, ...] = ()

    @property
    def slot(self) -> Slot | None:
        """The component slot, if this is one."""
        return next((item for item in self.metadata if isinstance(item, Slot)), None)

    @property
    def model(self) -> Model | None:
        """The model of a section, if this is one."""
        is_model = isinstance(self.annotation, type) and issubclass(self.annotation, BaseModel)
        return cast("Model", self.annotation) if is_model and self.slot is None else None

    @property
    def origin(self) -> Any:
        """The generic type: `tuple` of `tuple[int, ...]`; a plain type is its own."""
        return get_origin(self.annotation) or self.annotation

    def item(self, part: str | int) -> Any:
        """Annotation of an entry of a mapping or a list; `None` where there can be none."""
        arguments = get_args(self.annotation)
        if self.origin in (dict, Mapping) and len(arguments) == 2:
            return arguments[1]
        if self.origin not in (tuple, list, Sequence) or not arguments or not isinstance(part, int):
            return None
        if self.origin is tuple and Ellipsis not in arguments:
            return arguments[part] if part < len(arguments) else None
        return arguments[0]


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a config, as the schema sees it."""

    path: YamlPath
    """The path without pydantic's labels of union members."""
    kinds: tuple[Kind, ...]
    """What may stand there; empty for an unknown key."""
    owner: Model | None
    """The model that the last key of the path belongs to."""
    field: FieldInfo | None
    """The last key, if `owner` has it."""
    value: Any
    """What stands there; `None` if nothing does."""

    @property
    def slot(self) -> Slot | None:
        """The component slot of the place."""
        return next((kind.slot for kind in self.kinds if kind.slot is not None), None)

    def component(self) -> type[Component] | None:
        """Class of the component that is written there."""
        chosen = split(self.slot, self.value)
        return None if chosen is None or self.slot is None else load_class(self.slot.table[chosen[0]])


def has(node: object, part: str | int) -> bool:
    """Whether a plain tree has a key or an index."""
    if isinstance(node, dict):
        return part in node
    return isinstance(node, list) and isinstance(part, int) and 0 <= part < len(cast("list[Any]", node))


def child(node: Any, part: str | int) -> Any:
    """What a plain tree has under a key or an index."""
    return node[part]


def is_mapping(node: object) -> bool:
    """Whether a plain tree has keys."""
    return isinstance(node, dict)


def root_spot(root: Model, tree: object) -> Spot:
    """The place that a whole config stands at."""
    return Spot((), (Kind(root),), None, None, tree)


def short_tag(slot: Slot | None, node: object) -> str | None:
    """The key of a mapping that is the tag of a component's short form: `linear` of `{linear: 64, name: code}`."""
    if slot is None or not isinstance(node, dict) or "type" in node:
        return None
    options = cast("dict[str, Any]", node)
    if slot.infer is not None and slot.infer(options) is not None:
        return None
    chosen = split(slot, options)
    return chosen[0] if chosen is not None and chosen[0] in options else None


def is_main(slot: Slot | None, tag: str, part: str | int) -> bool:
    """Whether an option is the one that a value alone sets."""
    return slot is not None and load_class(slot.table[tag]).main == part


def split(slot: Slot | None, value: object) -> tuple[str, dict[str, Any]] | None:
    """Tag and options of a component as it was written; `None` for what is none."""
    if slot is None or value is None:
        return None
    try:
        return slot.split(value)
    except PydanticCustomError:
        return None


@cache
def kinds_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> tuple[Kind, ...]:
    """The members of an annotation in their order, `None` left out."""
    if get_origin(annotation) is Annotated:
        inner, *extra = get_args(annotation)
        return kinds_of(inner, (*metadata, *extra))
    if get_origin(annotation) in (Union, types.UnionType):
        members = [kinds_of(member) for member in get_args(annotation) if member is not type(None)]
        found = tuple(kind for member in members for kind in member)
        return found if not metadata else tuple(Kind(kind.annotation, (*kind.metadata, *metadata)) for kind in found)
    return (Kind(annotation, metadata),)


def field_kinds(field: FieldInfo) -> tuple[Kind, ...]:
    """What a field accepts."""
    return kinds_of(field.annotation, tuple(field.metadata))


def walk(root: Model, tree: object, location: YamlPath) -> Spot:
    """Follow a location of pydantic's, or a path of a config, as far as the schema goes."""
    spot = root_spot(root, tree)
    for part in location:
        if len(spot.kinds) > 1 and not _is_entry(spot, part):
            chosen = [kind for kind in spot.kinds if _is_labelled(kind, str(part))]
            spot = Spot(spot.path, tuple(chosen) or spot.kinds, spot.owner, spot.field, spot.value)
            continue
        spot = step(spot, part)
    return spot


def step(spot: Spot, part: str | int) -> Spot:
    """Go one key or index down."""
    path, value = (*spot.path, part), _value(spot, part)
    model = spot.component() or next((kind.model for kind in spot.kinds if kind.model is not None), None)
    if model is not None and isinstance(part, str):
        field = fields_of(model).get(part)
        return Spot(path, field_kinds(field) if field else (), model, field, value)
    annotation = next((found for found in (kind.item(part) for kind in spot.kinds) if found is not None), None)
    return Spot(path, kinds_of(annotation) if annotation is not None else (), None, None, value)


def fields_of(model: Model) -> dict[str, FieldInfo]:
    """The settings of a model by the names that people write."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def rest_at(spot: Spot, part: str | int, value: object) -> dict[str, Any] | None:
    """What a key that nobody writes stands for: all keys of a node which are not the node's own are its layer."""
    model = next((kind.model for kind in spot.kinds if kind.model is not None), None)
    if model is None or getattr(model, "rest", None) != part or not isinstance(value, dict):
        return None
    own = fields_of(model)
    return {key: item for key, item in cast("dict[str, Any]", value).items() if key not in own}


def _value(spot: Spot, part: str | int) -> Any:
    value = spot.value
    chosen = split(spot.slot, value)
    if chosen is not None:
        value = chosen[1]
    elif not has(value, part) and (rest := rest_at(spot, part, value)) is not None:
        return rest
    return child(value, part) if has(value, part) else None


def _is_entry(spot: Spot, part: str | int) -> bool:
    """Whether a part names an entry of the value, rather than a member of the union."""
    if isinstance(part, int) or any(_is_labelled(kind, part) for kind in spot.kinds):
        return isinstance(part, int)
    return any(part in fields_of(kind.model) for kind in spot.kinds if kind.model is not None) or spot.slot is not None


def _is_labelled(kind: Kind, label: str) -> bool:
    """Whether pydantic's label of a union member is that of a kind: `tuple[int, ...]`, `literal['full']`, `Interval`."""
    if kind.origin is Literal:
        return label.startswith("literal[")
    name = getattr(kind.origin, "__name__", str(kind.origin))
    bare = label.removeprefix("constrained-").removeprefix("lax-or-strict[")
    return bare == name or bare.startswith(f"{name}[") or (label.startswith("function-") and name in label)
