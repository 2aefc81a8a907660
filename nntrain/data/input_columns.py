"""The columns that the inputs of a network are made of, and where the numbers of each lie among the tensors of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nntrain.specs import VECTOR, blocks, known

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData
    from nntrain.data.fitted import FittedField, FittedFields


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

    def reordered(self, data: TensorData, order: Tensor) -> TensorData:
        """The rows with this column from rows in another order, int64 `[N]`: encoded as it is, all its numbers together."""
        if self.key in data.stored:
            return replace(data, stored={**data.stored, self.key: data.stored[self.key].take(order)})
        own = data.inputs[self.key]
        if self.place is None:
            return self._with(data, own.index_select(0, order))
        return self._with(data, _filled(own, self.place, own[..., self.place].index_select(0, order)))

    def held(self, data: TensorData, value: Tensor) -> TensorData:
        """The rows, all with one value of this column: a number, or the numbers `[F]` that it is made of."""
        own = data.inputs[self.key]
        value = value.to(own.device, own.dtype)
        return self._with(data, value.expand_as(own) if self.place is None else _filled(own, self.place, value))

    def _with(self, data: TensorData, tensor: Tensor) -> TensorData:
        return replace(data, inputs={**data.inputs, self.key: tensor})


def _filled(tensor: Tensor, place: int, values: Tensor) -> Tensor:
    found = tensor.clone()
    found[..., place] = values
    return found


def input_columns(fields: FittedFields) -> list[InputColumn]:
    """All columns of rows that stand alone, in the order of the file."""
    grouped = {name: (key, place) for key, names in blocks(fields.inputs).items() for place, name in enumerate(names)}
    return [column for field in fields.fields if field.plan.role == "input" for column in _columns_of(field, grouped)]


def _columns_of(field: FittedField, grouped: dict[str, tuple[str, int]]) -> Iterator[InputColumn]:
    if field.name in grouped:
        yield InputColumn(field.name, field, None, *grouped[field.name])
    elif field.plan.field.features_apart and field.plan.spec.axes == VECTOR:
        count = known(field.plan.spec.sizes[0])
        own = field.plan.columns
        for feature in range(count):
            name = own[feature] if len(own) == count else f"{field.name}[{feature}]"
            yield InputColumn(name, field, feature, field.name, feature)
    else:
        yield InputColumn(field.name, field, None, field.name, None)
