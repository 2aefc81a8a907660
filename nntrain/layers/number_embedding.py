"""Layers that turn each number into several."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt, model_validator

from nntrain.layers.encoding import Encoding
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_row
from nntrain.schema import Component
from nntrain.specs import Size, Spec, known, times

if TYPE_CHECKING:
    from torch import nn


class PeriodicOptions(Component):
    """What waves of numbers are made of."""

    main: ClassVar[str | None] = "dim"

    dim: PositiveInt = 24
    """Numbers that each becomes."""
    num_frequencies: PositiveInt = 48
    """Waves of each number."""
    sigma: PositiveFloat = 0.01
    """Standard deviation of the frequencies at first, in waves per unit of the scaled number; what is most worth tuning."""
    activation: Literal["relu", "none"] = "relu"
    """What follows the linear layer of the waves."""
    phase: bool = False
    """Cosines with learned phases, in place of a sine and a cosine of each frequency (PBLD of RealMLP)."""
    lite: bool = False
    """One linear layer for all numbers, in place of one for each."""
    keep_input: bool = False
    """The last of the numbers is the one that came in, as it is."""

    @model_validator(mode="after")
    def _has_room(self) -> PeriodicOptions:
        if self.keep_input and self.dim < 2:
            raise ValueError("keep_input needs dim 2 or more: the number itself is one of them")
        return self


class PiecewiseLinearOptions(Component):
    """What bins of numbers are made of."""

    main: ClassVar[str | None] = "bins"

    bins: PositiveInt = 48
    """Most bins of a number; one with few different values has fewer."""
    by: Literal["quantile", "target"] = "quantile"
    """Bins of equally many training rows, or the leaves of a decision tree of the target (scikit-learn: the extra `baselines`)."""
    dim: PositiveInt | None = None
    """Numbers that each becomes, by linear layers of itself and of its bins (as in TabM); default: its bins."""

    @model_validator(mode="after")
    def _has_leaves(self) -> PiecewiseLinearOptions:
        if self.by == "target" and self.bins < 2:
            raise ValueError("by: target needs bins of 2 or more: a tree parts the rows at least once")
        return self


class LinearEmbeddingOptions(Component):
    """What a number becomes by a linear layer of its own."""

    main: ClassVar[str | None] = "dim"

    dim: PositiveInt
    """Numbers that each becomes."""
    activation: Literal["relu", "none"] = "none"
    """What follows the linear layer."""


class PeriodicLayer(PeriodicOptions, Layer):
    """Each number as waves of learned frequencies: [B, …, F] -> [B, …, F * dim] (Gorishniy, Rubachev, Babenko, 2022)."""

    type: Literal["periodic"] = "periodic"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_row(spec, or_nodes=True)
        return spec.with_last(times(spec.sizes[-1], self.dim))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        features, waves, made = spec.sizes[-1], self.num_frequencies * (1 if self.phase else 2), self.dim - self.keep_input
        phases: dict[str, tuple[Size, ...]] = {"phase_bias": (features, self.num_frequencies)} if self.phase else {}
        weight, bias = ((made, waves), (made,)) if self.lite else ((features, waves, made), (features, made))
        return {"frequencies": (features, self.num_frequencies), **phases, "linear.weight": weight, "linear.bias": bias}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.number_embedding import Periodic

        return Periodic(
            known(spec.sizes[-1]),
            self.num_frequencies,
            self.sigma,
            self.dim,
            phase=self.phase,
            shared=self.lite,
            keep_input=self.keep_input,
            rectified=self.activation == "relu",
        )


class PiecewiseLinearLayer(PiecewiseLinearOptions, Layer):
    """Each number by how far it has come in each of some bins: [B, …, F] -> [B, …, F * bins] (Gorishniy, Rubachev, Babenko, 2022).

    The bins are placed by training rows before the first step, and are saved with the weights.
    """

    type: Literal["ple"] = "ple"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_row(spec, or_nodes=True)
        return spec.with_last(times(spec.sizes[-1], self.dim or self.bins))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        features = spec.sizes[-1]
        if self.dim is None:
            return {}
        number: dict[str, tuple[Size, ...]] = {"number.weight": (features, 1, self.dim), "number.bias": (features, self.dim)}
        return {**number, "linear.weight": (features, self.bins, self.dim)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.number_embedding import PiecewiseLinear

        return PiecewiseLinear(known(spec.sizes[-1]), self.bins, self.dim, by_target=self.by == "target")


class LinearEmbeddingLayer(LinearEmbeddingOptions, Layer):
    """Each number times a vector of its own, plus another: [B, …, F] -> [B, …, F * dim] (Gorishniy et al., 2021, section 3.3)."""

    type: Literal["linear_embedding"] = "linear_embedding"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_row(spec, or_nodes=True)
        return spec.with_last(times(spec.sizes[-1], self.dim))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        features = spec.sizes[-1]
        return {"linear.weight": (features, 1, self.dim), "linear.bias": (features, self.dim)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.number_embedding import LinearEmbedding

        return LinearEmbedding(known(spec.sizes[-1]), self.dim, rectified=self.activation == "relu")


class PeriodicEncoding(PeriodicOptions, Encoding):
    """A number as waves of learned frequencies (Gorishniy, Rubachev, Babenko, 2022)."""

    takes: ClassVar = "number"

    type: Literal["periodic"] = "periodic"

    def layer(self) -> Layer:
        return PeriodicLayer(**self.model_dump())


class PiecewiseLinearEncoding(PiecewiseLinearOptions, Encoding):
    """A number by how far it has come in each of some bins (Gorishniy, Rubachev, Babenko, 2022), placed by the training rows."""

    takes: ClassVar = "number"

    type: Literal["ple"] = "ple"

    def layer(self) -> Layer:
        return PiecewiseLinearLayer(**self.model_dump())


class LinearEmbeddingEncoding(LinearEmbeddingOptions, Encoding):
    """A number times a learned vector, plus another (Gorishniy et al., 2021)."""

    takes: ClassVar = "number"

    type: Literal["linear_embedding"] = "linear_embedding"

    def layer(self) -> Layer:
        return LinearEmbeddingLayer(**self.model_dump())
