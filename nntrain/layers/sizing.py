"""Sizes that are known only where a layer stands: `linear: =in//16` and `linear: =out`.

A layer with such options is read with a number in their place, so that everything else about it is checked where it is written.
When it is put into a network, the numbers are computed from what comes in and from what the task needs, and the layer is read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from nntrain.arithmetic import SIZES, ArithmeticFaultError, Term, evaluate, is_expression, names, parse
from nntrain.errors import SpecError, YamlPath
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis
from nntrain.schema import Component, Slot, load_class
from nntrain.specs import Ragged, Size, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope

L = TypeVar("L", bound=Layer)

STAND_INS: Final = (1, 720720, 64, 2)
"""Numbers that stand for a size until it is known, one after the other: a rule between options may refuse the first."""


@dataclass(frozen=True)
class Deferred:
    """A layer's options as they are written, and the places of those that are arithmetic over sizes."""

    texts: Mapping[YamlPath, str]
    options: Mapping[str, Any] = field(compare=False)


class LayerSlot(Slot):
    """A slot for layers, whose numbers may be arithmetic over sizes."""

    def validate(self, value: object) -> Component:
        if isinstance(value, Component):
            return value
        tag, options = self.split(value)
        model = load_class(self.table[tag])
        tree = {**options, "type": tag}
        try:
            return model.parse(tree)
        except ValidationError as error:
            tree = json.loads(json.dumps(tree))  # a node's layer comes with tuples
            places = _places(error, tree)
            if not places or not issubclass(model, Layer):
                raise
            return _with_stand_ins(model, tree, places)


def settled(layer: L, scope: Scope, value: Value) -> L:
    """The layer with the sizes that it has at a place of the network; one that is unknown until the data is fitted stays so.

    Raises:
        UnplacedError: A size isn't there, or is none that the layer can have; the problem is noted.
    """
    if layer.deferred is None:
        return layer
    sizes: dict[YamlPath, Size] = {}
    for place, text in layer.deferred.texts.items():
        try:
            sizes[place] = _size(text, scope, value)
        except SpecError as error:
            raise scope.at(*place).fail(error.message, error.hint) from None
    numbers = {place: size if isinstance(size, int) else STAND_INS[0] for place, size in sizes.items()}
    tree = _put(dict(layer.deferred.options), numbers)
    found: Layer | None = None
    for stand_in in STAND_INS:
        tree = _put(tree, {place: stand_in for place, size in sizes.items() if not isinstance(size, int)})
        try:
            found = type(layer).parse(tree)
            break
        except ValidationError as error:
            if all(isinstance(size, int) for size in sizes.values()) or stand_in == STAND_INS[-1]:
                raise _refused(layer, error, numbers, scope, value) from None
    assert found is not None
    keys = {str(place[0]) for place in sizes}
    fields = {field.alias or name: name for name, field in type(layer).model_fields.items()}
    update = {fields[key]: getattr(found, fields[key]) for key in keys}
    for place, size in sizes.items():
        if not isinstance(size, int):
            name = fields[str(place[0])]
            update[name] = _replaced(update[name], place[1:], size)
    return layer.model_copy(update=update).as_deferred(None)


def _size(text: str, scope: Scope, value: Value) -> Size:
    """What an expression comes to at a place."""
    term = parse(text)
    sizes = {name: _incoming(text, value.spec) if name == "in" else _needed(text, scope) for name in names(term)}
    unknown = next((size for size in sizes.values() if not isinstance(size, int)), None)
    if unknown is not None:
        return unknown if len(sizes) == 1 and text[1:] in SIZES else Unknown(text)
    try:
        size = evaluate(term, cast("Mapping[str, Term]", sizes))
    except ArithmeticFaultError as fault:
        raise SpecError(f"{text} {fault.message} with {_listed(sizes)}", fault.hint) from None
    assert isinstance(size, int)
    return size


def _incoming(text: str, spec: Spec) -> Size:
    axis = channel_axis(spec)
    if axis not in spec.axes or spec.kind == "index":
        raise SpecError(f"{text} is of the channels or features that come in, and {spec.describe()} has none")
    size = spec.size(axis)
    return Unknown("features") if isinstance(size, Ragged) else size


def _needed(text: str, scope: Scope) -> Size:
    if not scope.needs:
        raise SpecError(f"{text} is what a target needs, and none hangs here", hint="write the number")
    found = {target: need.size(channel_axis(need)) for target, need in scope.needs.items() if channel_axis(need) in need.axes}
    if len(found) < len(scope.needs):
        raise SpecError(
            f"{text} is what a target needs, and {next(iter(scope.needs))} needs no channels or features", hint="write the number"
        )
    if len(set(found.values())) > 1:
        told = ", ".join(f"{size} for {target}" for target, size in found.items())
        raise SpecError(f"{text} is what a target needs: {told}", hint="write the number, or give each target a head of its own: heads")
    return next(iter(found.values()))


def _refused(layer: Layer, error: ValidationError, numbers: Mapping[YamlPath, int], scope: Scope, value: Value) -> Exception:
    """A number that the layer can't have, told with where it comes from."""
    assert layer.deferred is not None
    details = error.errors(include_url=False)
    for each in details:
        place = next((place for place in numbers if _leads_to(each["loc"], place)), None)
        if place is not None:
            text = layer.deferred.texts[place]
            sizes = {name: _incoming(text, value.spec) if name == "in" else _needed(text, scope) for name in names(parse(text))}
            bound = (each.get("ctx") or {}).get("gt")
            needed = f"needs a whole number above {bound}" if bound is not None else each["msg"].replace("Input should be", "needs to be")
            message = f"{needed}, and {text} is {numbers[place]} with {_listed(sizes)}"
            return scope.at(*place).fail(message, "another size, or write the number")
    listed = ", ".join(f"{layer.deferred.texts[place]} is {number}" for place, number in numbers.items())
    return SpecError(f"{details[0]['msg'].removeprefix('Value error, ')} ({listed})")


def _leads_to(location: tuple[str | int, ...], place: YamlPath) -> bool:
    """Whether a location of pydantic's, with its labels of unions, is at a place."""
    rest = iter(location)
    return all(part in rest for part in place)


def _listed(sizes: Mapping[str, Size]) -> str:
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())


def _with_stand_ins(model: type[Layer], tree: dict[str, Any], places: tuple[YamlPath, ...]) -> Layer:
    """A layer whose sizes are known later; everything else about it is checked.

    Raises:
        PydanticCustomError: An option is no arithmetic over sizes.
        ValidationError: Something else is wrong with it, or a number has no place there.
    """
    texts = {place: str(_at(tree, place)) for place in places}
    for text in texts.values():
        _check(text)
    first: ValidationError | None = None
    for stand_in in STAND_INS:
        try:
            layer = model.parse(_put(tree, dict.fromkeys(places, stand_in)))
        except ValidationError as error:
            first = first or error
            continue
        return layer.as_deferred(Deferred(texts, tree))
    assert first is not None
    raise first


def _check(text: str) -> None:
    try:
        unknown = [name for name in names(parse(text)) if name not in SIZES]
    except ArithmeticFaultError as fault:
        raise PydanticCustomError("expression", "{told}", {"told": f"{fault.message}{f'; {fault.hint}' if fault.hint else ''}"}) from None
    if unknown:
        told = f"{text} has the name {unknown[0]}, which stands for nothing here; in and out are sizes, others are variables and options"
        raise PydanticCustomError("expression", "{told}", {"told": told})


def _places(error: ValidationError, tree: Mapping[str, Any]) -> tuple[YamlPath, ...]:
    """Where arithmetic stands in place of what was refused; what belongs to layers inside is theirs."""
    found: dict[YamlPath, None] = {}
    for details in error.errors(include_url=False, include_context=False):
        place = _place(details["loc"], tree)
        if place and is_expression(_at(tree, place)) and not _is_inner(tree, place):
            found[place] = None
    return tuple(found)


def _is_inner(tree: Mapping[str, Any], place: YamlPath) -> bool:
    """Whether a place is inside a layer that stands in an option: some list or mapping on the way names it."""
    return any(isinstance(_at(tree, place[:length]), dict) for length in range(1, len(place)))


def _place(location: tuple[str | int, ...], tree: Any) -> YamlPath:
    """A location of pydantic's without its labels of unions."""
    place: list[str | int] = []
    for part in location:
        is_key = isinstance(tree, dict) and part in tree
        is_index = isinstance(tree, list) and isinstance(part, int) and part < len(cast("list[Any]", tree))
        if is_key or is_index:
            tree = cast("Any", tree)[part]
            place.append(part)
    return tuple(place)


def _at(tree: Any, place: YamlPath) -> Any:
    for part in place:
        tree = tree[part]
    return tree


def _put(tree: dict[str, Any], numbers: Mapping[YamlPath, int]) -> dict[str, Any]:
    """A copy of options with numbers at some places."""
    made = dict(tree)
    for place, number in numbers.items():
        made[str(place[0])] = _replaced(made[str(place[0])], place[1:], number)
    return made


def _replaced(value: Any, place: YamlPath, size: object) -> Any:
    """A copy of an option with a size in it; lists and tuples are what an option has sizes in."""
    if not place:
        return size
    items = list(cast("Iterator[Any]", value))
    items[cast("int", place[0])] = _replaced(items[cast("int", place[0])], place[1:], size)
    return tuple(items) if isinstance(value, tuple) else items
