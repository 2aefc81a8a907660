"""Activations: their base, ReLU and its kin. None works in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import NonNegativeFloat

from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis, need_channels, need_numbers
from nntrain.specs import Size, Spec

if TYPE_CHECKING:
    from torch import nn


class Activation(Layer):
    """A function of each number by itself; every shape passes."""

    kinds: ClassVar[frozenset[str]] = frozenset({"layer", "activation"})
    torchs: ClassVar[str]
    """The class of `torch.nn` that computes it; its options are called as ours."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        return spec.with_kind("float")

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        options = type(self).model_fields.keys() - Layer.model_fields.keys()
        module: Any = getattr(nn, self.torchs)
        return module(**{option: getattr(self, option) for option in options})


class ReLU(Activation):
    """max(0, x)."""

    torchs = "ReLU"

    type: Literal["relu"] = "relu"


class ReLU6(Activation):
    """max(0, x), at most 6 (MobileNet)."""

    torchs = "ReLU6"

    type: Literal["relu6"] = "relu6"


class LeakyReLU(Activation):
    """x above 0, negative_slope * x below."""

    torchs = "LeakyReLU"
    main: ClassVar[str | None] = "negative_slope"

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: NonNegativeFloat = 0.01
    """Slope below 0."""


class PReLU(Activation):
    """x above 0, a * x below with a learned slope a (He et al. 2015)."""

    type: Literal["prelu"] = "prelu"
    per_channel: bool = False
    """Whether each feature or channel has a slope of its own; otherwise all share one."""
    init: float = 0.25
    """Slope to begin with."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if self.per_channel:
            need_channels(spec)
        return super().out_spec(spec)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"weight": (spec.size(channel_axis(spec)) if self.per_channel else 1,)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.activation import LearnedSlope

        [slopes] = self.parameter_shapes(spec)["weight"]
        assert isinstance(slopes, int)
        return LearnedSlope(slopes, self.init, spec.dim(channel_axis(spec)) if self.per_channel else 1)


class Threshold(Activation):
    """x above the threshold, a constant below."""

    torchs = "Threshold"
    main: ClassVar[str | None] = "threshold"

    type: Literal["threshold"] = "threshold"
    threshold: float
    """Up to where the constant is taken."""
    value: float = 0.0
    """The constant."""
