"""The columns that the inputs of a network are made of, and where the numbers of each lie among the tensors of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nntrain.data.window import KNOWN, KNOWN_PAST, WINDOW
from nntrain.specs import VECTOR, blocks, known

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData
    from nntrain.data.fitted import FittedField, FittedFields
    from nntrain.data.window import WindowSettings


@dataclass(frozen=True, slots=True)
class InputColumn:
    """One column of a table, or an input that is one whole."""

    name: str
    field: FittedField
    feature: int | None
    """Which number of its field it is, where each is a column of its own; `None` for the whole field."""
    key: str
    """Key of its tensor among the inputs of a batch."""
    place: int | None
    """Where it lies along the last axis of that; `None` where the tensor is its own."""
    width: int = 1
    """How many numbers lie there: a date of a window has several."""

    @property
    def places(self) -> slice:
        """Where its numbers lie along the last axis: all of it where the tensor is its own."""
        return slice(None) if self.place is None else slice(self.place, self.place + self.width)

    def reordered(self, data: TensorData, order: Tensor) -> TensorData:
        """The rows with this column from rows in another order, int64 `[N]`: encoded as it is, all its numbers together."""
        if self.key in data.stored and self.place is not None:  # windows, of which others have the same rows
            whole = data.stored[self.key].tensors(self.key)[self.key]
            left = {key: rows for key, rows in data.stored.items() if key != self.key}
            moved = _filled(whole, self.places, whole[..., self.places].index_select(0, order))
            return self._with(replace(data, stored=left), moved)
        if self.key in data.stored:
            return replace(data, stored={**data.stored, self.key: data.stored[self.key].take(order)})
        own = data.inputs[self.key]
        if self.place is None:
            return self._with(data, own.index_select(0, order))
        return self._with(data, _filled(own, self.places, own[..., self.places].index_select(0, order)))

    def held(self, data: TensorData, value: Tensor) -> TensorData:
        """The rows, all with one value of this column: a number, or the numbers `[F]` that it is made of."""
        own = data.inputs[self.key]
        value = value.to(own.device, own.dtype)
        return self._with(data, value.expand_as(own) if self.place is None else _filled(own, self.places, value))

    def _with(self, data: TensorData, tensor: Tensor) -> TensorData:
        return replace(data, inputs={**data.inputs, self.key: tensor})


def _filled(tensor: Tensor, places: slice, values: Tensor) -> Tensor:
    found = tensor.clone()
    found[..., places] = values
    return found


def input_columns(fields: FittedFields) -> list[InputColumn]:
    """All columns that inputs are made of, in the order of the file; of windows, those that lie in them."""
    if fields.window is not None:
        return list(_columns_of_windows(fields, fields.window))
    grouped = {name: (key, place) for key, names in blocks(fields.inputs).items() for place, name in enumerate(names)}
    return [column for field in fields.fields if field.plan.role == "input" for column in _columns_of(field, grouped)]


def _columns_of(field: FittedField, grouped: dict[str, tuple[str, int]]) -> Iterator[InputColumn]:
    if field.name in grouped:
        yield InputColumn(field.name, field, None, *grouped[field.name])
    elif field.plan.field.features_apart and field.plan.spec.of_one.axes == VECTOR:
        for feature, name in enumerate(_feature_names(field)):
            yield InputColumn(name, field, feature, field.name, feature)
    else:
        yield InputColumn(field.name, field, None, field.name, None)


def _feature_names(field: FittedField) -> Sequence[str]:
    own, count = field.plan.columns, known(field.plan.spec.of_one.sizes[0])
    return own if len(own) == count else [f"{field.name}[{feature}]" for feature in range(count)]


def _columns_of_windows(fields: FittedFields, window: WindowSettings) -> Iterator[InputColumn]:
    """Columns side by side in each tensor of a window; those that are known beforehand lie in two."""
    inputs = [field for field in fields.fields if field.plan.role == "input"]
    for key, is_known in ((WINDOW, False), (KNOWN, True), (KNOWN_PAST, True)):
        first = 0
        for field in (field for field in inputs if window.is_known(field.name) == is_known):
            spec, past = field.plan.spec, " (past)" if key == KNOWN_PAST else ""
            width = known(spec.sizes[-1]) if spec.axes else 1
            if field.plan.field.features_apart and spec.axes == VECTOR:
                names = enumerate(_feature_names(field))
                yield from (InputColumn(f"{name}{past}", field, place, key, first + place) for place, name in names)
            else:
                yield InputColumn(f"{field.name}{past}", field, None, key, first, width)
            first += width
