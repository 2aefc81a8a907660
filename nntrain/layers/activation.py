"""Activations: functions of each number by itself, and softmax over the features. None works in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveFloat

from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis, need_channels, need_numbers
from nntrain.specs import Spec

if TYPE_CHECKING:
    from torch import nn


class Activation(Layer):
    """A function of each number by itself; every shape passes."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        return spec.with_kind("float")


class ReLU(Activation):
    """max(0, x)."""

    type: Literal["relu"] = "relu"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.ReLU()


class LeakyReLU(Activation):
    """x above 0, negative_slope * x below."""

    main: ClassVar[str | None] = "negative_slope"

    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: NonNegativeFloat = 0.01
    """Slope below 0."""

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.LeakyReLU(self.negative_slope)


class GELU(Activation):
    """x * Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016)."""

    type: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = "none"
    """`tanh` takes the faster approximation that GPT-2 uses."""

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.GELU(self.approximate)


class SiLU(Activation):
    """x * sigmoid(x), also called swish."""

    type: Literal["silu"] = "silu"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.SiLU()


class ELU(Activation):
    """x above 0, alpha * (exp(x) - 1) below (Clevert et al. 2015)."""

    main: ClassVar[str | None] = "alpha"

    type: Literal["elu"] = "elu"
    alpha: PositiveFloat = 1.0
    """Size of the limit below 0."""

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.ELU(self.alpha)


class Tanh(Activation):
    """Hyperbolic tangent, from -1 to 1."""

    type: Literal["tanh"] = "tanh"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Tanh()


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), from 0 to 1."""

    type: Literal["sigmoid"] = "sigmoid"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        # Sigmoids of one number are meant as a probability, of many as a hidden layer.
        return spec.with_kind("probability" if spec.rank and spec.size(channel_axis(spec)) == 1 else "float")

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Sigmoid()


class Softplus(Activation):
    """log(1 + exp(x)): a smooth relu, always above 0."""

    type: Literal["softplus"] = "softplus"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Softplus()


class Softmax(Activation):
    """Probabilities over the features (or channels): exp(x_k) / Σ exp(x_j)."""

    type: Literal["softmax"] = "softmax"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_channels(spec)
        return spec.with_kind("probability")

    def is_output(self) -> bool:
        return True

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Softmax(1 + spec.axes.index(channel_axis(spec)))


class LogSoftmax(Activation):
    """Logarithm of the softmax over the features (or channels)."""

    type: Literal["log_softmax"] = "log_softmax"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_channels(spec)
        return spec.with_kind("log_prob")

    def is_output(self) -> bool:
        return True

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.LogSoftmax(1 + spec.axes.index(channel_axis(spec)))
