"""Pools that leave one vector of a whole image, volume or sequence. Padding of ragged rows is never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import channel_axis
from nntrain.layers.windows import need_sequence
from nntrain.specs import NODES, SEQUENCE, VECTOR, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class GlobalPool(Layer):
    """Leaves the channels or features and pools every other axis: [B, C, H, W] -> [B, C], [B, T, F] -> [B, F]."""

    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    how: ClassVar[Literal["mean", "max"]]
    """What is taken over the axes."""

    @property
    def looks_ahead(self) -> bool:
        return True

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.rank < 2 or spec.kind == "index":
            raise SpecError(f"needs an image [C, H, W] or a sequence [T, F] and gets {spec.describe()}")
        if spec.is_ragged and spec.axes not in (SEQUENCE, NODES):
            raise SpecError(f"needs a sequence [T, F] where lengths differ by row, and gets {spec.describe()}")
        return Spec(VECTOR, (spec.size(channel_axis(spec)),))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.graph import NodePool
        from nntrain.modules.pooling import AxesPool, StepPool

        if spec.axes == NODES:
            return NodePool(self.how)
        if spec.axes == SEQUENCE:
            return StepPool(self.how)
        return AxesPool(self.how, tuple(1 + index for index, axis in enumerate(spec.axes) if axis != channel_axis(spec)))


class GlobalAvgPool(GlobalPool):
    """Mean over all pixels or true steps: [B, C, H, W] -> [B, C], [B, T, F] -> [B, F]."""

    how: ClassVar[Literal["mean", "max"]] = "mean"

    type: Literal["global_avg_pool"] = "global_avg_pool"


class GlobalMaxPool(GlobalPool):
    """Largest value over all pixels or true steps: [B, C, H, W] -> [B, C], [B, T, F] -> [B, F]."""

    how: ClassVar[Literal["mean", "max"]] = "max"

    type: Literal["global_max_pool"] = "global_max_pool"


class Pool(Layer):
    """One vector of the true steps of a sequence: [B, T, F] -> [B, F]; of the nodes of each graph: [S, F] -> [B, F].

    A row without steps or nodes gives zeros.
    """

    main: ClassVar[str | None] = "how"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    type: Literal["pool"] = "pool"
    how: Literal["last", "first", "mean", "max", "sum", "attention"]
    """`last` of a bidirectional layer joins the forward half at the last true step and the backward half at the first.
    `attention` is a mean weighted by the softmax of a learned score `w · x_t` (Yang et al. 2016, without the hidden layer).
    Nodes have no order: no `first` or `last`."""

    @property
    def looks_ahead(self) -> bool:
        return self.how != "first"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes != NODES:
            need_sequence(spec)
        elif self.how in ("first", "last"):
            raise SpecError(f"{self.how} needs an order, and the nodes of a graph have none", hint="fix:  pool: mean")
        return Spec(VECTOR, (spec.size("feature"),))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"score.weight": (1, spec.size("feature"))} if self.how == "attention" else {}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.graph import NodeAttentionPool, NodePool
        from nntrain.modules.pooling import AttentionPool, BothEnds, StepPool

        if spec.axes == NODES:
            return NodePool(self.how) if self.how in ("mean", "max", "sum") else NodeAttentionPool(known(spec.size("feature")))
        if self.how == "attention":
            return AttentionPool(known(spec.size("feature")))
        if self.how == "last" and spec.directions == 2:
            return BothEnds()
        return StepPool(self.how)
