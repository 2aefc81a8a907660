"""Layers that act only while training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_numbers
from nntrain.specs import Spec

if TYPE_CHECKING:
    from torch import nn


class Dropout(Layer):
    """Zeroes each number with probability p while training and scales the others by 1 / (1 - p); every shape passes."""

    main: ClassVar[str | None] = "p"

    type: Literal["dropout"] = "dropout"
    p: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Probability to be zeroed."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        return spec

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Dropout(self.p)
