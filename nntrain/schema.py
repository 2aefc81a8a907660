"""The strict, frozen pydantic base of every setting, and component slots that import a class when its tag is read.

A component is written as its name (`relu`), its name with the main option (`{linear: 128}`), its name with options
(`{linear: {out_features: 128}}`), or in the saved form (`{type: linear, out_features: 128}`). One literal table a family of
components maps tags to `"module:Class"`; nothing is imported before a config names it.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Annotated, Any, ClassVar, TypeVar, Union, cast, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from nntrain import plugins

M = TypeVar("M", bound="StrictModel")


class StrictModel(BaseModel):
    """Base of all settings: unknown keys are errors, no coercion, immutable. Strings under settings describe them."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True, allow_inf_nan=False, defer_build=True)

    main: ClassVar[str | None] = None
    """The option that a value alone sets: `{linear: 128}`, `ema: 0.999`."""
    rest: ClassVar[str | None] = None
    """The option that takes all keys which are none of the model's own: the layer of a node, `{from: photo, linear: 128}`."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        _keep_fields_alone(cls)

    @classmethod
    def parse(cls: type[M], tree: object) -> M:
        """Validate a plain tree with JSON semantics: a list fits a tuple, `1` fits a float, `"1"` fits no number."""
        return cls.model_validate_json(json.dumps(tree))


def _keep_fields_alone(model: type[BaseModel]) -> None:
    """Forget the annotations of class variables and private attributes: they have served.

    Pydantic would evaluate them again, from text, for each class below this one, which takes longer than all the rest of it.
    """
    annotations: dict[str, object] = vars(model).get("__annotations__", {})
    for name in annotations.keys() - model.model_fields.keys():
        del annotations[name]


_keep_fields_alone(StrictModel)


class Component(StrictModel):
    """Base of everything that has a `type`."""

    shared: ClassVar[frozenset[str]] = frozenset()
    """Options that may stand beside the tag in the short form: `{linear: 64, name: code}`."""
    kinds: ClassVar[frozenset[str]] = frozenset()
    """The slots that a component of a plug-in may stand in; ours stand in tables."""

    type: str

    def dump(self) -> dict[str, Any]:
        """The saved form: all options, as a config has them."""
        return self.model_dump(mode="json", by_alias=True)


@cache
def load_class(target: str) -> type[Component]:
    """Import `"module:Class"` as `Tags` gives it: from one of our own literal tables, or a class of a plug-in that is allowed."""
    found = None if target.startswith("nntrain.") else plugins.find(target)
    return cast("type[Component]", load_name(target) if found is None else found)


def load_name(target: str) -> object:
    """Import `"module:NAME"`, written in our own code."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


class Tags(Mapping[str, str]):
    """Tag to `"module:Class"`: a table, and the components of one kind that plug-ins have, whose tag is their own name.

    Iteration goes over the table alone.
    """

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        """Add the plug-ins of a kind to a table."""
        self.kind, self._table = kind, table

    def __getitem__(self, tag: str) -> str:
        return tag if ":" in tag and self._is_plugin(tag) else self._table[tag]

    def __contains__(self, tag: object) -> bool:
        return tag in self._table or (isinstance(tag, str) and ":" in tag and self._is_plugin(tag))

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def _is_plugin(self, tag: str) -> bool:
        found = plugins.find(tag)
        return isinstance(found, type) and issubclass(found, Component) and self.kind in found.kinds


@dataclass(frozen=True, eq=False)
class Slot:
    """A place in a config where any component of some tables may stand; used as `Annotated[Layer, Slot("layer", (LAYERS,))]`."""

    kind: str
    """What stands here, for messages: `layer`."""
    tables: tuple[str | Mapping[str, str], ...]
    """Tag to `"module:Class"`; of a tag that several have, the first one counts. A table of a package further up is named,
    `"module:TABLE"`, and read on demand."""
    default: str | None = None
    """Tag taken when options are given without one."""
    infer: Callable[[Mapping[str, Any]], str | None] | None = None
    """Finds the tag of a mapping that has no `type` from its keys (`layers:` makes a layer list)."""

    @property
    def table(self) -> Mapping[str, str]:
        """All tags that may stand here."""
        return Tags(self.kind, _join(self.tables))

    def validate(self, value: object) -> Component:
        """Expand the short form, find the class, validate the options."""
        if isinstance(value, Component):
            return value
        tag, options = self.split(value)
        return load_class(self.table[tag]).parse({**options, "type": tag})

    def split(self, value: object) -> tuple[str, dict[str, Any]]:
        """Tag and options of a component as it was written. Raises `PydanticCustomError` for anything that is none."""
        if isinstance(value, str):
            return self._known(value), {}
        if not isinstance(value, dict):
            raise self._error(
                "not_a_component", "needs the name of a {kind}, or its name with options; got {found}", found=json.dumps(value)
            )
        options = dict(cast("dict[str, Any]", value))
        tag = options.get("type") or (self.infer and self.infer(options))
        if isinstance(tag, str):
            options.pop("type", None)
            return self._known(tag), options
        return self._split_short(options)

    def _split_short(self, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        tags = [key for key in options if key in self.table]
        shared = load_class(self.table[tags[0]]).shared if len(tags) == 1 else frozenset[str]()
        others = [key for key in options if key not in shared and key not in tags]
        if len(tags) == 1 and not others:
            tag = tags[0]
            return tag, {**self._main(tag, options.pop(tag)), **options}
        if not tags and self.default is not None and not (len(options) == 1 and isinstance(next(iter(options.values())), dict)):
            return self.default, options
        if not tags and len(others) == 1:
            return self._known(others[0]), {}
        keys = ", ".join(others or tags)
        if len(tags) > 1 or (tags and others):
            raise self._error("two_keys", "an item is one {kind}, and this one has the keys {keys}", keys=", ".join([*tags, *others]))
        raise self._error("no_type", "has no type: which {kind} is it? got the keys {keys}", keys=keys)

    def _main(self, tag: str, value: object) -> dict[str, Any]:
        if value is None:
            return {}
        if isinstance(value, dict):
            return dict(cast("dict[str, Any]", value))
        main = load_class(self.table[tag]).main
        if main is None:
            raise self._error("no_main_option", "{tag} takes options by name only, got {found}", tag=tag, found=json.dumps(value))
        return {main: value}

    def _known(self, tag: str) -> str:
        if tag not in self.table:
            raise self._error("unknown_component", "no {kind} {tag!r}", tag=tag, known=sorted(self.table))
        return tag

    def _error(self, code: str, message: str, **context: object) -> PydanticCustomError:
        text = message.replace("{tag!r}", f"{context.get('tag')!r}")
        return PydanticCustomError(cast("Any", code), cast("Any", text), {"kind": self.kind, **context})

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.validate, serialization=core_schema.plain_serializer_function_ser_schema(_dump)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"x-slot": self.kind}


@dataclass(frozen=True, eq=False)
class Forms:
    """Tells apart the forms of a setting: a component, a list of them, a mapping from names to them, or a number.

    Used as `Annotated[AnyLoss | tuple[AnyLoss, ...] | dict[str, AnyLoss] | None, Forms(LOSSES)]`. What is written says which one is
    meant, so that only what is wrong with that one is told.
    """

    table: Mapping[str, str]
    """Tags of the components: a mapping with `type`, or in the short form, is one of them."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        if get_origin(source) not in (Union, types.UnionType):
            return handler(source)
        members = {_form(member): member for member in get_args(source)}
        choices = {form: handler.generate_schema(member) for form, member in members.items()}
        component = next(form for form in choices if form not in {"tuple", "NoneType", "float"})

        def choose(value: object) -> str:
            if value is None and "NoneType" in choices:
                return "NoneType"
            if isinstance(value, list | tuple):
                return "tuple" if "tuple" in choices else component
            if isinstance(value, int | float) and not isinstance(value, bool) and "float" in choices:
                return "float"
            if isinstance(value, dict) and "dict" in choices and not self._is_component(cast("dict[str, Any]", value)):
                return "dict"
            return component

        return core_schema.tagged_union_schema(choices, choose)

    def _is_component(self, options: Mapping[str, Any]) -> bool:
        tags = [key for key in options if key in self.table]
        return "type" in options or (len(tags) == 1 and {*options} - {*tags} <= load_class(self.table[tags[0]]).shared)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        choices = cast("dict[str, CoreSchema] | None", schema.get("choices"))
        return handler(schema) if choices is None else handler(core_schema.union_schema([*choices.values()]))


def _form(member: Any) -> str:
    """The name of a form, which pydantic puts into the places of errors."""
    plain = get_args(member)[0] if get_origin(member) is Annotated else member
    return getattr(get_origin(plain) or plain, "__name__", "")


def _join(tables: tuple[str | Mapping[str, str], ...]) -> Mapping[str, str]:
    joined: dict[str, str] = {}
    for table in tables:
        for tag, target in (cast("Mapping[str, str]", load_name(table)) if isinstance(table, str) else table).items():
            joined.setdefault(tag, target)
    return joined


def _dump(component: Component) -> dict[str, Any]:
    return component.dump()
