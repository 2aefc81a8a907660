"""Where answers are traced back to: the numbers that enter a network, or those that its indices have become.

An index has no gradient. What stands for it is what the first step makes of it, the vector of a word or the one-hot numbers of a category,
and all that is made of an input counts as that input's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from nntrain.data.input_columns import InputColumn
from nntrain.insight import around
from nntrain.layers.inputs import CategoryColumns, Columns
from nntrain.layers.program import Program
from nntrain.modules.network import Call, Network
from nntrain.specs import Spec, known

SUMMED: Final = frozenset({"channel"})
"""Axes of an input along which what it contributes is added up: colours of a pixel."""

Read = Callable[[Mapping[str, Tensor]], Tensor]
"""Reads the outputs of a network, `[B, K]`."""


@dataclass(frozen=True, slots=True)
class Region:
    """The parts of one input: a column has one, an image its pixels, a text its steps."""

    column: InputColumn
    first: int
    """Number of its first part."""
    shape: tuple[int, ...]

    @property
    def end(self) -> int:
        """The number after its last part."""
        return self.first + math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Entrance:
    """The points of a network that answers are traced back to, for rows of one shape."""

    network: Network
    keys: tuple[str, ...]
    """Inputs of numbers, and steps that make numbers of indices, by their names."""
    parts: tuple[Tensor, ...]
    """Of each point, which part each of its numbers belongs to, int64 of the shape of one row."""
    regions: tuple[Region, ...]

    @classmethod
    def of(cls, network: Network, program: Program, inputs: Mapping[str, Tensor], columns: Sequence[InputColumn]) -> Entrance:
        """Find the points of a network for rows like those of a batch, of which it has all inputs and lengths; graphs are padded."""
        made = _made(network, inputs)
        encoders = dict(_encoders(network, program, inputs, made))
        numbers = [key for key in network.wiring.keys if key in inputs and inputs[key].is_floating_point()]
        regions = tuple(_regions(columns, inputs, made, encoders))
        device = next(iter(inputs.values())).device
        parts = [_parts_of_input(key, inputs[key], regions).to(device) for key in numbers]
        parts += [_parts_of_step(made[name], owners, regions).to(device) for name, owners in encoders.items()]
        return cls(network, (*numbers, *encoders), tuple(parts), regions)

    @property
    def count(self) -> int:
        """Number of parts, P."""
        return self.regions[-1].end

    def values(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """What stands at the points for some rows, `[B, …]` each."""
        made = _made(self.network, inputs)
        return tuple((inputs[key] if key in inputs else made[key]).detach() for key in self.keys)

    def others(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the network reads beside the points: indices and lengths."""
        return {key: tensor for key, tensor in inputs.items() if key not in self.keys}

    def outputs(self, values: Sequence[Tensor], others: Mapping[str, Tensor], network: Network | None = None) -> dict[str, Tensor]:
        """What a network of the same program outputs for values at the points."""
        network, given = network or self.network, {**others, **dict(zip(self.keys, values, strict=True))}
        if not around.is_padded(others):
            return network.run_behind(given)
        return around.answers_of_rows(given, network.run_behind(around.packed(given)))

    def by_part(self, shares: Sequence[Tensor]) -> Tensor:
        """Shares of the points `[B, …]` added up by part, float64 `[B, P]`."""
        found = torch.zeros(len(shares[0]), self.count, dtype=torch.float64, device=shares[0].device)
        for share, parts in zip(shares, self.parts, strict=True):
            found.index_add_(1, parts.flatten(), share.flatten(1).double())
        return found

    def replaced(self, values: Sequence[Tensor], neutral: Sequence[Tensor], gone: Tensor) -> tuple[Tensor, ...]:
        """The values with some parts taken from rows that say nothing; `gone` is bool `[B, P]`."""
        return tuple(
            torch.where(gone[:, parts.flatten()].view_as(own), other.expand_as(own), own)
            for own, other, parts in zip(values, neutral, self.parts, strict=True)
        )


def _made(network: Network, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What all steps make of rows, `[B, …]` each by their names."""
    with torch.no_grad():
        if not around.is_padded(inputs):
            return network.steps_behind(inputs)
        made, nodes = network.steps_behind(around.packed(inputs)), int(inputs[around.NODE_COUNTS].sum())
        return {name: around.spread_out(inputs, tensor) for name, tensor in made.items() if len(tensor) == nodes}


def _encoders(
    network: Network, program: Program, inputs: Mapping[str, Tensor], made: Mapping[str, Tensor]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Steps that make numbers of indices, and the field that each of their features is of; one where all are of one field."""
    layers = {step.name: step.layer for step in program.steps}
    owner: dict[int, str] = {place: key for place, key in enumerate(network.wiring.keys) if key in inputs and not _is_numbers(inputs[key])}
    for place, call in placed(network):
        if call.source not in owner or call.name not in made:
            continue
        layer = layers[call.name]
        if not _is_numbers(made[call.name]):
            owner[place] = layer.fields[0] if isinstance(layer, Columns) else owner[call.source]
        elif isinstance(layer, CategoryColumns):
            widths = (known(width) for width in layer.widths())
            yield call.name, tuple(name for name, width in zip(layer.fields, widths, strict=True) for _ in range(width))
        else:
            yield call.name, (owner[call.source],)


def placed(network: Network) -> Iterator[tuple[int, Call]]:
    """The calls of a network, and the places of what they give."""
    place = len(network.wiring.keys)
    for call in network.wiring.calls:
        yield place, call
        place += 1 + call.extras


def _is_numbers(tensor: Tensor) -> bool:
    return tensor.is_floating_point()


def _regions(
    columns: Sequence[InputColumn], inputs: Mapping[str, Tensor], made: Mapping[str, Tensor], encoders: Mapping[str, tuple[str, ...]]
) -> Iterator[Region]:
    first = 0
    for column in columns:
        shape = _shape(column, inputs, made, encoders)
        if shape is None:
            continue
        region = Region(column, first, shape)
        yield region
        first = region.end


def _shape(
    column: InputColumn, inputs: Mapping[str, Tensor], made: Mapping[str, Tensor], encoders: Mapping[str, tuple[str, ...]]
) -> tuple[int, ...] | None:
    """The parts of a column; `None` for one that the network does not read."""
    spec, name = column.field.plan.spec, column.field.name
    encoder = next((step for step, owners in encoders.items() if name in owners), None)
    if encoder is not None:
        return tuple(made[encoder].shape[1:-1]) if spec.rank else ()
    if column.key not in inputs or not _is_numbers(inputs[column.key]):
        return None
    return _of_axes(spec, inputs[column.key]) if column.place is None else tuple(inputs[column.key].shape[1:-1])


def _of_axes(spec: Spec, tensor: Tensor) -> tuple[int, ...]:
    """Sizes of the axes that tell parts apart: a date, or labels, are one."""
    if spec.rank < 2:
        return ()
    return tuple(size for axis, size in zip(spec.axes, tensor.shape[1:], strict=True) if axis not in SUMMED)


def _parts_of_input(key: str, tensor: Tensor, regions: Sequence[Region]) -> Tensor:
    shape = tensor.shape[1:]
    found = torch.zeros(shape, dtype=torch.int64)
    for region in regions:
        column = region.column
        if column.key != key:
            continue
        if column.place is not None:
            found[..., column.places] = torch.arange(region.first, region.end).view(*region.shape, 1)
        else:
            own = torch.arange(region.first, region.end)
            axes = [1 if axis in SUMMED else size for axis, size in zip(column.field.plan.spec.axes, shape, strict=True)]
            found[...] = own.view(axes) if region.shape else region.first
    return found


def _parts_of_step(made: Tensor, owners: tuple[str, ...], regions: Sequence[Region]) -> Tensor:
    by_name = {region.column.field.name: region for region in regions}
    own = [by_name[name] for name in owners]
    if len(own) > 1 or not own[0].shape:
        return torch.tensor([region.first for region in own]).expand(made.shape[1:])
    return torch.arange(own[0].first, own[0].end).view(*own[0].shape, 1).expand(made.shape[1:])
