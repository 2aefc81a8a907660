"""Layers that scale what they get."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat

from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis, need_channels, need_numbers
from nntrain.specs import Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class Normalize(Layer):
    """Each row, step or pixel divided by its length over the features or channels, so that it has length 1."""

    main: ClassVar[str | None] = "p"

    type: Literal["normalize"] = "normalize"
    p: PositiveFloat = 2.0
    """Which length: 2 is the Euclidean one, 1 the sum of absolute values."""
    eps: PositiveFloat = 1e-12
    """Smallest length that is divided by."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_channels(spec)
        return Spec(spec.axes, spec.sizes, directions=spec.directions)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.scaling import UnitLength

        return UnitLength(self.p, spec.dim(channel_axis(spec)), self.eps)


class Scale(Layer):
    """Every number times a constant; every shape passes."""

    main: ClassVar[str | None] = "factor"

    type: Literal["scale"] = "scale"
    factor: float
    """The constant."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        return spec.with_kind("float")

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.scaling import Scaled

        return Scaled(self.factor)


class LayerScale(Layer):
    """Each feature or channel times a learned factor of its own (Touvron et al. 2021; RealMLP has it before its first layer)."""

    main: ClassVar[str | None] = "init"

    type: Literal["layer_scale"] = "layer_scale"
    init: float = 1.0
    """Factors to begin with."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_channels(spec)
        return spec.with_kind("float")

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"scale": (spec.size(channel_axis(spec)),)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.scaling import LearnedScale

        axis = channel_axis(spec)
        return LearnedScale(known(spec.size(axis)), self.init, spec.dim(axis))
