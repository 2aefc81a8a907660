"""Fully connected layers."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis, need_features, one_row_hint
from nntrain.specs import IMAGE, NODES, PAIRS, SEQUENCE, VECTOR, VOLUME, Axes, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class Linear(Layer):
    """Fully connected layer on the last axis: [B, …, F] -> [B, …, out_features]."""

    main: ClassVar[str | None] = "out_features"
    sized: ClassVar[bool] = True

    type: Literal["linear"] = "linear"
    out_features: PositiveInt
    """Number of features that come out."""
    bias: bool = True
    """Whether to add a learned offset."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_features(spec)
        return spec.with_last(self.out_features)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return linear_shapes(spec.sizes[-1], self.out_features, bias=self.bias)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Linear(known(spec.sizes[-1]), self.out_features, bias=self.bias)


class Head(Layer):
    """The output layer that a task adds: to a row of numbers [B, F] one layer, the same to every step, node or pixel.

    [B, F] -> [B, K], [B, T, F] -> [B, T, K], [S, F] -> [S, K] by a linear layer; [B, C, H, W] -> [B, K, H, W] (and a volume) by a 1x1
    convolution.
    """

    type: Literal["linear", "conv2d", "conv3d"] = "linear"
    output: Spec
    """What the task needs; its size may still be unknown."""
    bias: bool = True
    """Whether it has an offset."""

    @classmethod
    def of(cls, output: Spec, *, bias: bool = True) -> Head:
        """The layer that a need takes."""
        kinds: dict[Axes, Literal["conv2d", "conv3d"]] = {IMAGE: "conv2d", VOLUME: "conv3d"}
        return cls(type=kinds.get(output.axes, "linear"), output=output, bias=bias)

    @property
    def width(self) -> Size:
        """Numbers that the task needs per row, step, node or pixel."""
        return self.output.size(channel_axis(self.output))

    def describe(self) -> str:
        return f"linear {self.width}" if self.type == "linear" else f"{self.type} {self.width}, kernel_size 1"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need = self.output
        if spec.axes != need.axes or spec.kind == "index":
            raise SpecError(
                f"(the output layer) needs {needed(need)} and gets {spec.describe()}",
                hint=one_row_hint(spec) if need.axes == VECTOR else rank_hint(need),
            )
        return replace(need, sizes=fitted_sizes(spec, need))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        shapes = linear_shapes(spec.size(channel_axis(spec)), self.width, bias=self.bias)
        return shapes if self.type == "linear" else {**shapes, "weight": (*shapes["weight"], *[1] * (spec.rank - 1))}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        layers = {"linear": nn.Linear, "conv2d": partial(nn.Conv2d, kernel_size=1), "conv3d": partial(nn.Conv3d, kernel_size=1)}
        return layers[self.type](known(spec.size(channel_axis(spec))), known(self.width), bias=self.bias)


def needed(need: Spec) -> str:
    """What a task needs, in words."""
    if need.axes == VECTOR:
        return "one row of numbers per example"
    if need.axes in (NODES, PAIRS):
        return f"a row of numbers for each {need.axes[0]}"
    return "a row of numbers for each step" if need.axes == SEQUENCE else "numbers for each pixel"


def rank_hint(need: Spec) -> str:
    """How a network keeps the axes that a task needs."""
    if need.axes == NODES:
        return "this target has a value for each node: end in nodes, without pool"
    if need.axes == PAIRS:
        return "this target has a value for each pair of nodes: end in nodes, or put pair behind them"
    if need.axes == SEQUENCE:
        return "this target has a value for each step: end in a sequence [T, F], without pool or flatten"
    return "this target has a value for each pixel: end in maps [C, H, W], without flatten or global pooling"


def fitted_sizes(spec: Spec, need: Spec) -> tuple[Size, ...]:
    """Sizes of the output: steps and pixels are those of the network, which must be the target's where both are known.

    Raises:
        SpecError: They are not.
    """
    own = channel_axis(need)
    for axis, size, wanted in zip(need.axes, spec.sizes, need.sizes, strict=True):
        if axis != own and isinstance(size, int) and isinstance(wanted, int) and size != wanted:
            raise SpecError(f"(the output layer) gets {spec.describe()}, and the target has {axis} {wanted}")
    return tuple(wanted if axis == own else size for axis, size, wanted in zip(need.axes, spec.sizes, need.sizes, strict=True))


def linear_shapes(in_features: Size, out_features: Size, *, bias: bool) -> dict[str, tuple[Size, ...]]:
    """Parameters of torch's linear layer."""
    weight = (out_features, in_features)
    return {"weight": weight, "bias": (out_features,)} if bias else {"weight": weight}
