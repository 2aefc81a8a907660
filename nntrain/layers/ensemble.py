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

    All layers behind it are shared by the members, until the output layer, of which each has its own (TabM-mini: Gorishniy, Kotelnikov,
    Babenko, 2025). Each member is scored by itself in training; what is measured and predicted is the mean of what they predict.
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
