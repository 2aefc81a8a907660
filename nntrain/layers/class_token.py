"""A learned step before the others, in which a transformer gathers what it finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nntrain.layers.layer import L, Layer
from nntrain.layers.windows import need_sequence
from nntrain.specs import Size, Spec, compute, known

if TYPE_CHECKING:
    from torch import nn


class ClassToken(Layer):
    """Puts one learned step before a sequence: [B, T, F] -> [B, T + 1, F] (BERT's [CLS]). It begins at 0; `pool: first` reads it."""

    type: Literal["class_token"] = "class_token"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        return Spec(spec.axes, spec.sizes).with_sizes(time=compute(_one_more, spec.size("time")))

    def out_lengths(self, lengths: L) -> L:
        return lengths + 1

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"weight": (1, spec.size("feature"))}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.position import ClassToken as Module

        return Module(known(spec.size("feature")))


def _one_more(steps: int) -> int:
    return steps + 1
