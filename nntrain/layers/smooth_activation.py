"""Activations without a kink, or with the curve of one below 0. None works in place."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import PositiveFloat

from nntrain.layers.activation import Activation


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


class Softplus(Activation):
    """log(1 + exp(beta * x)) / beta: a smooth relu, always above 0."""

    torchs = "Softplus"

    type: Literal["softplus"] = "softplus"
    beta: PositiveFloat = 1.0
    """The larger, the closer to relu."""
    threshold: PositiveFloat = 20.0
    """x * beta from which on x itself is taken, which is the same in floating point."""
