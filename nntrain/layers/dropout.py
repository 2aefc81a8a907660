"""Layers that act only while training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat

from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_numbers
from nntrain.specs import Spec

if TYPE_CHECKING:
    from torch import nn


class AnyDropout(Layer):
    """Draws numbers that are zeroed while training; every shape passes."""

    main: ClassVar[str | None] = "p"

    p: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Probability to be zeroed."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        return spec


class Dropout(AnyDropout):
    """Zeroes each number with probability p while training and scales the others by 1 / (1 - p); every shape passes."""

    type: Literal["dropout"] = "dropout"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Dropout(self.p)


class AlphaDropout(AnyDropout):
    """Dropout that keeps mean and variance behind selu (Klambauer et al. 2017): dropped numbers take selu's lower limit."""

    type: Literal["alpha_dropout"] = "alpha_dropout"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.AlphaDropout(self.p)


class StochasticDepth(Layer):
    """Zeroes whole rows with probability p while training and scales the others by 1 / (1 - p) (Huang et al. 2016).

    It stands last in a `residual`, of which then the shortcut alone is left for the row; every shape passes.
    """

    main: ClassVar[str | None] = "p"

    type: Literal["stochastic_depth"] = "stochastic_depth"
    p: Annotated[float, Field(ge=0, lt=1)]
    """Probability of a row to be zeroed."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        return spec

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.dropping import SharedDropout

        return SharedDropout(self.p, kept=None)


class GaussianNoise(Layer):
    """Adds normally distributed numbers while training; every shape passes."""

    main: ClassVar[str | None] = "std"

    type: Literal["gaussian_noise"] = "gaussian_noise"
    std: PositiveFloat
    """Standard deviation of what is added."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        return spec.with_kind("float")

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.dropping import AddedNoise

        return AddedNoise(self.std)
