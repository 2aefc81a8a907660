"""Turns what pydantic found into problems in plain words: what was found, what is accepted, and the line that mends it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, cast, get_args

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from nntrain.config import naming, structure, synonyms
from nntrain.config.document import Document
from nntrain.config.documentation.wording import MAIN, first_sentence, type_in_words, value_in_words
from nntrain.config.structure import Kind, Model, Spot
from nntrain.errors import Problem, YamlPath, render_path

_LONGEST_VALUE: Final = 60
_MOST_FAULTS: Final = 500
"""Faults that are explained: more are those of a program, or of somebody who means harm."""
_SLOT_ERRORS: Final = frozenset({"unknown_component", "two_keys", "no_type", "no_main_option", "not_a_component", "no_source"})
_OPTION_OF_NUMBER: Final = {"early_stopping": "patience", "split": "validation"}
"""Section to the option that a number alone was meant for."""
_TRUE: Final = frozenset({"yes", "on", "y", "true", "1"})
_FALSE: Final = frozenset({"no", "off", "n", "false", "0"})


@dataclass(frozen=True, slots=True)
class _Fault:
    """One error of pydantic's at its place in the schema."""

    spot: Spot
    type: str
    message: str
    context: dict[str, Any]
    in_union: bool
    """Whether it is what one member of a union has against the value."""

    @property
    def path(self) -> YamlPath:
        return self.spot.path

    @property
    def is_of_value(self) -> bool:
        """Whether the type or the range of the value is at fault."""
        is_named = self.type in _SLOT_ERRORS or self.type in {"extra_forbidden", "missing"}
        return not is_named and not self._is_own

    @property
    def _is_own(self) -> bool:
        """Whether one of our validators words it."""
        return self.type == "value_error" or not self.message.startswith(
            ("Input should", "String should", "Value should", "Tuple should", "List", "Dict")
        )


def problems(error: ValidationError, document: Document, root: Model) -> list[Problem]:
    """Everything that is wrong with a config, each fault once."""
    details = error.errors(include_url=False)
    faults = [_fault(each, document.tree, root) for each in details[:_MOST_FAULTS]]
    found = [*_names(faults, document, root), *_components(faults), *_own(faults), *_values(faults, document)]
    if len(details) > _MOST_FAULTS:
        found.append(Problem((), f"{len(details) - _MOST_FAULTS:,} faults more are not looked at", "mend the first ones"))
    return list(dict.fromkeys(found))


def _fault(details: ErrorDetails, tree: Any, root: Model) -> _Fault:
    location = details["loc"]
    spot = _with_all_kinds(root, tree, structure.walk(root, tree, location))
    message = details["msg"].removeprefix("Value error, ")
    return _Fault(spot, details["type"], message, dict(details.get("ctx", {})), in_union=len(spot.path) < len(location))


def _with_all_kinds(root: Model, tree: Any, spot: Spot) -> Spot:
    """The place with everything that is accepted there, not only with the member of a union that an error is from.

    Where a shorter form stands in the file (`ema: 2` for `ema: {decay: 2}`), the place is that of the short form.
    """
    path = spot.path
    while path:
        above = structure.walk(root, tree, path[:-1])
        is_short = above.slot is None and above.value is not None and not isinstance(above.value, dict | list)
        if not is_short:
            break
        path = path[:-1]
    whole = structure.walk(root, tree, path)
    kinds = whole.kinds if len(path) == len(spot.path) else spot.kinds
    return Spot(path, kinds or spot.kinds, spot.owner, spot.field, whole.value)


def _names(faults: Sequence[_Fault], document: Document, root: Model) -> Iterable[Problem]:
    """Unknown and missing settings; a missing one that stands there under a foreign name is told once."""
    plain = {fault.path for fault in faults if not fault.in_union}  # a member of a union that was not meant has no say there
    renamed: set[YamlPath] = set()
    for fault in faults:
        if fault.type == "extra_forbidden" and not (fault.in_union and fault.path[:-1] in plain):
            unknown = naming.unknown_setting(fault.spot, document.tree, root, in_file=document.locate(fault.path).source.is_file)
            renamed |= {(*fault.path[:-1], unknown.ours)} if unknown.ours is not None else set()
            yield Problem(fault.path, unknown.message, unknown.hint, on_key=True)
    for fault in faults:
        if fault.type == "missing" and fault.path not in renamed and not (fault.in_union and fault.path[:-1] in plain):
            yield Problem(fault.path[:-1], f"{fault.path[-1]} is missing", _what(fault.spot), on_key=True)


def _what(spot: Spot) -> str | None:
    from nntrain.config.documentation.catalogue import attribute_docstrings

    described = {} if spot.owner is None else attribute_docstrings(spot.owner)
    text = described.get(str(spot.path[-1]))
    return None if text is None else first_sentence(text)


def _components(faults: Sequence[_Fault]) -> Iterable[Problem]:
    for fault in faults:
        if fault.type in _SLOT_ERRORS:
            yield naming.wrong_component(fault.spot, fault.type, fault.message, fault.context)


def _own(faults: Sequence[_Fault]) -> Iterable[Problem]:
    """What validators of ours say in their own words, and how it is mended where they say that too (`hint`)."""
    for fault in faults:
        if not fault.is_of_value and fault.type not in {*_SLOT_ERRORS, "extra_forbidden", "missing"}:
            yield Problem(fault.path, fault.message, fault.context.get("hint"))


def _values(faults: Sequence[_Fault], document: Document) -> Iterable[Problem]:
    """Wrong types and ranges, one problem a place however many members of a union refused it."""
    told = {fault.path for fault in faults if fault.type in _SLOT_ERRORS}
    above = {fault.path[:length] for fault in faults for length in range(len(fault.path))}
    for fault in faults:
        value: object = fault.spot.value
        is_told_inside = fault.path in above and isinstance(value, dict | list)
        if not fault.is_of_value or fault.path in told or is_told_inside:
            continue
        told.add(fault.path)
        needed, got = _accepted(fault.spot), _shown(cast("object", value))
        yield Problem(fault.path, f"needs {needed}, got {got}", _mend(fault, document))


def _accepted(spot: Spot) -> str:
    """What may stand at a place, in words."""
    words = list(dict.fromkeys(_kind_in_words(kind) for kind in spot.kinds))
    unique = ["several in a list" if word in {f"a list, each {other}" for other in words} else word for word in words]
    return ", or ".join(unique) if unique else "something else"


@cache
def _kind_in_words(kind: Kind) -> str:
    annotation: Any = Annotated[(kind.annotation, *kind.metadata)] if kind.metadata else kind.annotation
    schema = TypeAdapter[Any](annotation).json_schema(ref_template="#/$defs/{model}")
    definitions = cast("dict[str, Any]", schema.pop("$defs", {}))
    if kind.model is not None:
        main = getattr(kind.model, "main", None)
        definitions, schema = {"it": {**schema, **({MAIN: main} if main is not None else {})}}, {"$ref": "#/$defs/it"}
    return type_in_words(definitions, schema)


def _shown(value: object) -> str:
    text = value_in_words(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _mend(fault: _Fault, document: Document) -> str | None:
    """The line to write, where it is plain what was meant."""
    key = next((part for part in reversed(document.shown(fault.path)) if isinstance(part, str)), "")
    spot, value = fault.spot, cast("object", fault.spot.value)
    if isinstance(spot.value, dict) and spot.field is None and {kind.origin for kind in spot.kinds} <= {int, float}:
        entry = _with_dots(key, cast("dict[str, object]", spot.value))
        is_override = not document.locate(fault.path).source.is_file
        return f"fix:  '{render_path(fault.path[:-1])}={{{entry}}}'" if is_override else f"fix:  {entry}"
    meant = _meant(spot, value, next((part for part in reversed(fault.path) if isinstance(part, str)), ""))
    if meant is not None:
        is_item = isinstance(fault.path[-1], int)
        return f"fix:  {meant}" if is_item else f"fix:  {key}: {meant}"
    if value is None and spot.field is not None and spot.field.default is not None and not spot.field.is_required():
        return "leave the line out for the default"
    place = document.marks.get(document.find(fault.path))
    if value is None and place is not None and place.is_block:  # nothing stands behind the colon
        return f"write a value:  {key}: …"
    return None


def _with_dots(key: str, value: dict[str, object]) -> str:
    """An entry whose name was taken apart at its dots: `validation.accuracy: 0.5`."""
    inner, below = next(iter(value.items()), ("", None))
    return (
        _with_dots(f"{key}.{inner}", cast("dict[str, object]", below))
        if isinstance(below, dict)
        else f"{key}.{inner}: {value_in_words(below)}"
    )


def _meant(spot: Spot, value: object, key: str) -> str | None:
    accepts = {kind.origin for kind in spot.kinds}
    if value is not None and not isinstance(value, dict | list):
        option = "null" if naming.is_off_by_null(spot, value) else _meant_option(spot, value, key)
        if option is not None:
            return option
    if isinstance(value, str):
        return f"[{value_in_words(value)}]" if _takes_any_length(spot) else _meant_by_text(value, key, accepts)
    if value is None:
        return None
    if str in accepts and not isinstance(value, dict | list):
        text = value_in_words(value)
        return synonyms.choice(key, text) or (f'"{text}"' if _fits_pattern(spot, text) else None)
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and int in accepts and float not in accepts:
        return str(int(value))
    if isinstance(value, int | float) and _takes_any_length(spot):
        return f"[{value_in_words(value)}]"
    if isinstance(value, list) and accepts <= {int, float, str, Literal}:
        items = cast("list[object]", value)
        return value_in_words(items[0]) if len(items) == 1 and isinstance(items[0], int | float | str) else None
    return None


def _fits_pattern(spot: Spot, text: str) -> bool:
    """Whether a text is one of those that are accepted, where only some are."""
    patterns = [] if spot.field is None else [getattr(each, "pattern", None) for each in spot.field.metadata]
    return all(pattern is None or re.match(pattern, text) for pattern in patterns)


def _meant_option(spot: Spot, value: object, key: str) -> str | None:
    """The section that a value alone was meant as: `{patience: 5}`, `{by: random}`, `{}` for true."""
    models = [kind.model for kind in spot.kinds if kind.model is not None]
    if len(models) != 1 or len(models) != len(spot.kinds):
        return None
    fields = structure.fields_of(models[0])
    if value is True:
        return None if any(field.is_required() for field in fields.values()) else "{}"
    if isinstance(value, int | float):
        option = _OPTION_OF_NUMBER.get(key)
        return None if option is None or isinstance(value, bool) else f"{{{option}: {value_in_words(value)}}}"
    chosen = (name for name, field in fields.items() for kind in structure.field_kinds(field) if value in get_args(kind.annotation))
    option = next(chosen, None)
    return None if option is None else f"{{{option}: {value_in_words(value)}}}"


def _takes_any_length(spot: Spot) -> bool:
    """Whether only a list is accepted, of any length, beside a mapping."""
    kinds = [kind for kind in spot.kinds if kind.origin is not dict]
    return bool(kinds) and all(kind.origin is tuple and Ellipsis in get_args(kind.annotation) for kind in kinds)


def _meant_by_text(text: str, key: str, accepts: set[Any]) -> str | None:
    chosen = synonyms.choice(key, text)
    if chosen is not None:
        return chosen
    if bool in accepts and text.lower() in _TRUE | _FALSE:
        return "true" if text.lower() in _TRUE else "false"
    if accepts & {int, float}:
        return naming.number_in(text, whole=float not in accepts)
    return None
