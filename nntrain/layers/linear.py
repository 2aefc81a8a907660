"""Fully connected layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_features, one_row_hint
from nntrain.specs import VECTOR, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class Linear(Layer):
    """Fully connected layer on the last axis: [B, …, F] -> [B, …, out_features]."""

    main: ClassVar[str | None] = "out_features"
    sized: ClassVar[bool] = True

    type: Literal["linear"] = "linear"
    out_features: PositiveInt
    """Number of features that come out."""
    bias: bool = True
    """Whether to add a learned offset."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_features(spec)
        return spec.with_last(self.out_features)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return linear_shapes(spec.sizes[-1], self.out_features, bias=self.bias)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Linear(known(spec.sizes[-1]), self.out_features, bias=self.bias)


class Head(Layer):
    """The output layer that a task adds: one row of numbers [B, F] to what the task needs, [B, K]."""

    type: Literal["linear"] = "linear"
    output: Spec
    """What the task needs; its size may still be unknown."""

    def describe(self) -> str:
        return f"linear {self.output.sizes[-1]}"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes != VECTOR or spec.kind == "index":
            raise SpecError(f"(the output layer) needs one row of numbers per example and gets {spec.describe()}", hint=one_row_hint(spec))
        return self.output

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return linear_shapes(spec.sizes[-1], self.output.sizes[-1], bias=True)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Linear(known(spec.sizes[-1]), known(self.output.sizes[-1]))


def linear_shapes(in_features: Size, out_features: Size, *, bias: bool) -> dict[str, tuple[Size, ...]]:
    """Parameters of torch's linear layer."""
    weight = (out_features, in_features)
    return {"weight": weight, "bias": (out_features,)} if bias else {"weight": weight}
