"""Activations with limits, those that shrink, and softmax over the features. None works in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import NonNegativeFloat, model_validator
from pydantic_core import PydanticCustomError

from nntrain.layers.activation import Activation
from nntrain.layers.requirements import channel_axis, need_channels, need_numbers
from nntrain.specs import Spec

if TYPE_CHECKING:
    from torch import nn


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


class Softsign(Activation):
    """x / (1 + |x|), from -1 to 1."""

    torchs = "Softsign"

    type: Literal["softsign"] = "softsign"


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

        return nn.Softmax(spec.dim(channel_axis(spec)))


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

        return nn.LogSoftmax(spec.dim(channel_axis(spec)))
