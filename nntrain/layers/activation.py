"""Activations: functions of each number by itself, and softmax over the features. None works in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import NonNegativeFloat, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis, need_channels, need_numbers
from nntrain.specs import Size, Spec

if TYPE_CHECKING:
    from torch import nn


class Activation(Layer):
    """A function of each number by itself; every shape passes."""

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
        return LearnedSlope(slopes, self.init, 1 + spec.axes.index(channel_axis(spec)) if self.per_channel else 1)


class ELU(Activation):
    """x above 0, alpha * (exp(x) - 1) below (Clevert et al. 2015)."""

    torchs = "ELU"
    main: ClassVar[str | None] = "alpha"

    type: Literal["elu"] = "elu"
    alpha: PositiveFloat = 1.0
    """Size of the limit below 0."""


class CELU(Activation):
    """x above 0, alpha * (exp(x / alpha) - 1) below: an elu without a kink at 0 (Barron 2017)."""

    torchs = "CELU"
    main: ClassVar[str | None] = "alpha"

    type: Literal["celu"] = "celu"
    alpha: PositiveFloat = 1.0
    """Size of the limit below 0."""


class SELU(Activation):
    """A scaled elu that keeps mean 0 and variance 1 (Klambauer et al. 2017); alpha_dropout and lecun_normal go with it."""

    torchs = "SELU"

    type: Literal["selu"] = "selu"


class GELU(Activation):
    """x * Φ(x), Φ the normal distribution function (Hendrycks and Gimpel 2016)."""

    torchs = "GELU"

    type: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = "none"
    """`tanh` takes the faster approximation that GPT-2 uses."""


class SiLU(Activation):
    """x * sigmoid(x), also called swish."""

    torchs = "SiLU"

    type: Literal["silu"] = "silu"


class Mish(Activation):
    """x * tanh(softplus(x)) (Misra 2019)."""

    torchs = "Mish"

    type: Literal["mish"] = "mish"


class Hardswish(Activation):
    """x * max(0, min(6, x + 3)) / 6: a cheap silu (MobileNetV3)."""

    torchs = "Hardswish"

    type: Literal["hardswish"] = "hardswish"


class Tanh(Activation):
    """Hyperbolic tangent, from -1 to 1."""

    torchs = "Tanh"

    type: Literal["tanh"] = "tanh"


class Hardtanh(Activation):
    """x, at least min_val and at most max_val."""

    torchs = "Hardtanh"

    type: Literal["hardtanh"] = "hardtanh"
    min_val: float = -1.0
    """The least that comes out."""
    max_val: float = 1.0
    """The most that comes out."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min_val >= self.max_val:
            raise PydanticCustomError(
                "empty_range", "min_val {least} must be below max_val {most}", {"least": self.min_val, "most": self.max_val}
            )
        return self


class Tanhshrink(Activation):
    """x - tanh(x)."""

    torchs = "Tanhshrink"

    type: Literal["tanhshrink"] = "tanhshrink"


class Softshrink(Activation):
    """x moved towards 0 by lambd, and 0 between -lambd and lambd."""

    torchs = "Softshrink"
    main: ClassVar[str | None] = "lambd"

    type: Literal["softshrink"] = "softshrink"
    lambd: NonNegativeFloat = 0.5
    """How far numbers move (torch's spelling)."""


class Sigmoid(Activation):
    """1 / (1 + exp(-x)), from 0 to 1."""

    torchs = "Sigmoid"

    type: Literal["sigmoid"] = "sigmoid"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        # Sigmoids of one number are meant as a probability, of many as a hidden layer.
        return spec.with_kind("probability" if spec.rank and spec.size(channel_axis(spec)) == 1 else "float")


class Hardsigmoid(Activation):
    """max(0, min(6, x + 3)) / 6: a sigmoid of three straight lines."""

    torchs = "Hardsigmoid"

    type: Literal["hardsigmoid"] = "hardsigmoid"


class LogSigmoid(Activation):
    """log(1 / (1 + exp(-x)))."""

    torchs = "LogSigmoid"

    type: Literal["logsigmoid"] = "logsigmoid"


class Softplus(Activation):
    """log(1 + exp(beta * x)) / beta: a smooth relu, always above 0."""

    torchs = "Softplus"

    type: Literal["softplus"] = "softplus"
    beta: PositiveFloat = 1.0
    """The larger, the closer to relu."""
    threshold: PositiveFloat = 20.0
    """x * beta from which on x itself is taken, which is the same in floating point."""


class Softsign(Activation):
    """x / (1 + |x|), from -1 to 1."""

    torchs = "Softsign"

    type: Literal["softsign"] = "softsign"


class Threshold(Activation):
    """x above the threshold, a constant below."""

    torchs = "Threshold"
    main: ClassVar[str | None] = "threshold"

    type: Literal["threshold"] = "threshold"
    threshold: float
    """Up to where the constant is taken."""
    value: float = 0.0
    """The constant."""


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
