"""Several networks in one, which share most weights: a row becomes one for each of them, and their answers are averaged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict, PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_row
from nntrain.losses.links import Identity, Link
from nntrain.specs import MEMBERS, VECTOR, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class Ensemble(Layer):
    """Each row of numbers as one for each of k members, scaled by numbers of their own: [B, F] -> [B, k, F].

    All layers behind it are shared by the members, but `ensemble_linear`, until the output layer, of which each has its own (TabM-mini:
    Gorishniy, Kotelnikov, Babenko, 2025). Each member is scored by itself in training; what is measured and predicted is the mean of what
    they predict.
    """

    main: ClassVar[str | None] = "k"

    type: Literal["ensemble"] = "ensemble"
    k: PositiveInt = 32
    """Number of members."""
    init: Literal["random_signs", "normal"] = "random_signs"
    """How the scales begin: -1 or 1, or normal; one draw for all numbers that a field has become. `normal` suits encoded numbers."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_row(spec)
        return Spec(MEMBERS, (self.k, spec.sizes[0]))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"weight": (self.k, spec.sizes[0])}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.ensemble import Members

        sections = [known(size) for size in spec.sections] if spec.sections is not None else [1] * known(spec.sizes[0])
        return Members(self.k, sections, signs=self.init == "random_signs")


class EnsembleLinear(Layer):
    """Fully connected layer with common weights and scales and offsets of each member: [B, k, F] -> [B, k, out_features].

    s * (W (r * x)) + b (BatchEnsemble: Wen, Tran, Ba, 2020, equation 5), for the rows that `ensemble` makes. r and s begin with ones, b
    alike for all members, so that these differ by the scales of `ensemble` alone at first (TabM: Gorishniy, Kotelnikov, Babenko, 2025).
    """

    main: ClassVar[str | None] = "out_features"
    sized: ClassVar[bool] = True

    type: Literal["ensemble_linear"] = "ensemble_linear"
    out_features: PositiveInt
    """Number of features that come out."""
    scale_inputs: bool = True
    """Whether there is an r: right behind `ensemble`, which has scaled them already, a second one says nothing more."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes != MEMBERS:
            raise SpecError(f"needs rows of members and gets {spec.describe()}", "put ensemble before it")
        return spec.with_last(self.out_features)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        members, features = spec.sizes
        of_inputs: dict[str, tuple[Size, ...]] = {"input_scale": (members, features)} if self.scale_inputs else {}
        of_outputs = dict.fromkeys(("output_scale", "bias"), (members, self.out_features))
        return {"weight": (self.out_features, features), **of_inputs, **of_outputs}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.ensemble import MembersLinear

        members, features = map(known, spec.sizes)
        return MembersLinear(members, features, self.out_features, scale_inputs=self.scale_inputs)


class EnsembleHead(Layer):
    """The output layer that a task adds to members: a linear layer for each.

    [B, k, F] -> [B, K], the mean of what they predict; while training [B * k, K], the members of a row one after another.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    type: Literal["linear"] = "linear"
    output: Spec
    """What the task needs."""
    link: Link = Identity()
    """How the losses read it: the mean is one of predictions."""

    def describe(self) -> str:
        return f"linear {self.output.sizes[0]} for each member"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if self.output.axes != VECTOR:
            raise SpecError(f"(the output layer) gets {spec.describe()}, and members have one answer per example")
        return replace(self.output)

    def members(self, spec: Spec) -> int:
        return known(spec.sizes[0])

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        members, features = spec.sizes
        return {"weight": (members, features, self.output.sizes[0]), "bias": (members, self.output.sizes[0])}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.ensemble import MembersHead

        members, features = map(known, spec.sizes)
        return MembersHead(members, features, known(self.output.sizes[0]), self.link.pooled)
