"""Linear layers in the neural tangent parametrization."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Head, linear_shapes
from nntrain.layers.requirements import need_features
from nntrain.specs import Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class NTKLinear(Layer):
    """Fully connected layer whose weights are of size 1 and whose product is divided by the root of its inputs: W x / sqrt(F) + b.

    [B, …, F] -> [B, …, out_features], the neural tangent parametrization (Jacot et al. 2018): a learning rate then means the same for
    layers of any width. W and b begin as N(0, 1).
    """

    main: ClassVar[str | None] = "out_features"
    sized: ClassVar[bool] = True

    type: Literal["ntk_linear"] = "ntk_linear"
    out_features: PositiveInt
    """Number of features that come out."""
    bias: bool = True
    """Whether to add a learned offset."""
    init: Literal["normal", "data"] = "normal"
    """`data`: the weights of each feature are then divided by the standard deviation of W x / sqrt(F) over the first training rows, and
    its offset is minus a random mean of that over 5 of them (RealMLP)."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_features(spec)
        if self.init == "data" and spec.is_ragged and not spec.has_nodes:
            raise SpecError(f"needs rows of one length for init: data and gets {spec.describe()}", "fix:  init: normal", ("init",))
        return spec.with_last(self.out_features)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return linear_shapes(spec.sizes[-1], self.out_features, bias=self.bias)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules import ntk

        module = ntk.NTKLinearOfRows if self.init == "data" else ntk.NTKLinear
        return module(known(spec.sizes[-1]), self.out_features, bias=self.bias)


class NTKHead(Layer):
    """The output layer that a task adds to a row of numbers, in the neural tangent parametrization: [B, F] -> [B, K]."""

    type: Literal["ntk_linear"] = "ntk_linear"
    output: Spec
    """What the task needs; its size may still be unknown."""
    init: Literal["zeros", "data"]
    """How it begins: with zeros, or with the first training rows."""

    def describe(self) -> str:
        return f"ntk_linear {self.output.sizes[-1]}, init {self.init}"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return Head.of(self.output).out_spec(spec)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return linear_shapes(spec.sizes[-1], self.output.sizes[-1], bias=True)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules import ntk

        module = ntk.NTKLinearOfRows if self.init == "data" else ntk.ZeroNTKLinear
        return module(known(spec.sizes[-1]), known(self.output.sizes[-1]), bias=True)
