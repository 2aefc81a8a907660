"""Targets that have learned from the training rows: the way back from what the network is trained on to their own unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from nntrain.data.curves import Curve, curve_of
from nntrain.data.fields.text import Text
from nntrain.data.forms.form import CELLS, Form
from nntrain.data.window import FORECAST, WindowSettings
from nntrain.modules.metrics import accumulator
from nntrain.specs import Spec

if TYPE_CHECKING:
    from nntrain.data.fitted import FittedField
    from nntrain.data.tokenizing.encoder import TextEncoder


@dataclass(frozen=True, slots=True)
class FittedTarget:
    """A target and the way back from what the network is trained on to its own unit."""

    name: str
    field_type: str
    spec: Spec
    classes: tuple[str, ...]
    """Class names in the order of the outputs, of false and true for a boolean; empty for numbers."""
    offset: Tensor
    scale: Tensor
    columns: tuple[str, ...] = ()
    """Of a target that is several columns together: their names, in the order of its last axis."""
    places: tuple[int, ...] | None = None
    """Which features of the window are its own past; `None` where these are no inputs."""
    naive: Tensor | None = None
    """How far its values lie from those a season before, by column, in the training rows, in its own unit; `None` without a window."""

    curves: tuple[Curve | None, ...] = ()
    """What was done to its values before they were scaled, by column."""
    spread: Tensor | None = None
    """Standard deviation of the values themselves in the training rows, by column, where another one is that of what is trained."""
    text: Callable[[], TextEncoder] | None = None
    """Of a text: makes what turns indices back into it."""
    form: Form = CELLS
    """How what is predicted is written."""
    low: Tensor | None = None
    """The lowest value in the training rows, by column, in its own unit; `None` where no task asks for it."""
    high: Tensor | None = None
    """The highest one, likewise."""

    def to_raw(self, values: Tensor) -> Tensor:
        """Values in the unit of training, `[B]`, `[B, F]` or images `[B, C, H, W]`, to the target's own unit; classes and booleans stay.

        Returns:
            Float64, as an offset far larger than the scale leaves nothing of it in float32; float32 on mps, which has no more.
        """
        if self.classes:
            return values
        kind = accumulator(values.device)
        shape = (-1, 1, 1) if values.ndim == 4 else () if values.ndim == 1 else (-1,)
        offset, scale = (part.to(kind).to(values.device).reshape(shape) for part in (self.offset, self.scale))
        bent = values.to(kind) * scale + offset
        if all(curve == self.curves[0] for curve in self.curves):
            return _straightened(bent, self.curves[0] if self.curves else None)
        return torch.stack([_straightened(part, curve) for part, curve in zip(bent.unbind(-1), self.curves, strict=True)], dim=-1)

    def held(self, values: Tensor) -> Tensor:
        """Predictions in the target's own unit, `[B]` or `[B, …, F]`, within the range of the training rows. NaN stays."""
        assert self.low is not None
        assert self.high is not None
        low, high = (end.to(values.dtype).to(values.device) for end in (self.low, self.high))
        return values.clamp(low, high)

    @property
    def raw_scale(self) -> Tensor:
        """What a difference of 1 in training is in its own unit, by column; of curves, where it depends, the standard deviation."""
        return self.scale if self.spread is None else self.spread

    def decode(self, values: Tensor) -> list[Any]:
        """Predictions as people write them.

        Class indices `[B]`, or 0 and 1, become class names, rows of 0 and 1 `[B, K]` lists of names, indices of tokens `[B, L]`, padded
        with -1, texts; other values are in their own unit.
        """
        if self.text is not None:
            encoder = self.text()
            return [encoder.decode(index for index in row if index >= 0) for row in cast("list[list[int]]", values.tolist())]
        if self.field_type == "multi_label":
            rows = cast("list[list[float]]", values.tolist())
            return [[name for name, value in zip(self.classes, row, strict=True) if value > 0.5] for row in rows]
        if self.classes:
            return [self.classes[int(index)] for index in cast("list[float]", values.tolist())]
        return cast("list[Any]", self.to_raw(values).tolist())


def _straightened(values: Tensor, curve: Curve | None) -> Tensor:
    return values if curve is None else curve.straightened(values)


def fitted_targets(fields: Sequence[FittedField], window: WindowSettings | None) -> dict[str, FittedTarget]:
    """The targets of some fields by name; columns of a window that are one target under the name that it has."""
    inputs = [field.name for field in fields if field.plan.role == "input" and not (window is not None and window.is_known(field.name))]
    found = [field for field in fields if field.plan.role == "target"]
    names = tuple(field.name for field in found)
    if window is not None and window.joins(inputs, names):
        spec = window.joint_spec(len(names))
        return {FORECAST: _target(FORECAST, found, spec, inputs, columns=names)}
    return {field.name: _target(field.name, [field], window.target_spec if window else field.plan.spec, inputs) for field in found}


def _target(name: str, fields: Sequence[FittedField], spec: Spec, inputs: Sequence[str], columns: tuple[str, ...] = ()) -> FittedTarget:
    one = torch.ones(1, dtype=torch.float64)
    first = fields[0]
    naive = [field.state["naive"] for field in fields if "naive" in field.state]
    has_past = bool(naive) and all(field.name in inputs for field in fields)
    return FittedTarget(
        name,
        first.plan.field.type,
        spec,
        first.classes,
        torch.cat([field.state.get("offset", 0 * one) for field in fields]),
        torch.cat([field.state.get("scale", one) for field in fields]),
        columns,
        tuple(inputs.index(field.name) for field in fields) if has_past else None,
        torch.tensor(naive, dtype=torch.float64) if naive else None,
        tuple(curve_of(field.state) for field in fields),
        torch.cat([field.state["spread"] for field in fields]) if "spread" in first.state else None,
        partial(first.plan.field.encoder, first.state) if isinstance(first.plan.field, Text) else None,
        first.plan.field.form(first.state),
        *(torch.cat([field.state[end] for field in fields]) if end in first.state else None for end in ("low", "high")),
    )
