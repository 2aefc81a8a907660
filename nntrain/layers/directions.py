"""Layers in which only directions count."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.layers.layer import Layer
from nntrain.layers.linear import linear_shapes
from nntrain.layers.requirements import need_features
from nntrain.specs import Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class CosineLinear(Layer):
    """Cosines of the angles to a learned direction for each feature: [B, …, F] -> [B, …, out_features], from -1 to 1.

    A linear layer without offset of which input and weights are divided by their lengths; `loss: arcface` reads it (Deng et al. 2019).
    """

    main: ClassVar[str | None] = "out_features"
    sized: ClassVar[bool] = True

    type: Literal["cosine_linear"] = "cosine_linear"
    out_features: PositiveInt
    """Number of directions; `=out` for one a class."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_features(spec)
        return spec.with_last(self.out_features)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return linear_shapes(spec.sizes[-1], self.out_features, bias=False)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.directions import CosineLinear as Module

        return Module(known(spec.sizes[-1]), self.out_features)
