"""Squeeze and excite: channels weighed by what the whole of a row says."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import channel_axis
from nntrain.specs import IMAGE, SEQUENCE, VOLUME, Size, Spec, known, over

if TYPE_CHECKING:
    from torch import nn


class SqueezeExcite(Layer):
    """Every channel times a weight from 0 to 1 that two linear layers make of the means of all channels (Hu et al. 2018).

    [B, C, H, W] -> the same, over all pixels; [B, T, F] over the true steps: weight = gate(W2 relu(W1 mean)).
    """

    main: ClassVar[str | None] = "reduction"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    mixes_steps: ClassVar[bool] = True

    type: Literal["squeeze_excite"] = "squeeze_excite"
    reduction: PositiveInt = 16
    """What the channels are divided by for the width between the two linear layers."""
    gate: Literal["sigmoid", "hardsigmoid"] = "sigmoid"
    """What makes a weight from 0 to 1; `hardsigmoid` is that of MobileNetV3."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes not in {SEQUENCE, IMAGE, VOLUME} or spec.kind == "index":
            raise SpecError(f"needs an image [C, H, W] or a sequence [T, F], and gets {spec.describe()}")
        channels, width = spec.size(channel_axis(spec)), self._width(spec)
        if isinstance(channels, int) and width == 0:
            raise SpecError(
                f"divides the {channels} channels it gets by {self.reduction}, which leaves none",
                hint=f"reduction: {max(channels // 2, 1)}",
            )
        return Spec(spec.axes, spec.sizes, directions=spec.directions)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        channels, width = spec.size(channel_axis(spec)), self._width(spec)
        return {
            "squeeze.weight": (width, channels),
            "squeeze.bias": (width,),
            "excite.weight": (channels, width),
            "excite.bias": (channels,),
        }

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.squeezing import ChannelGate

        return ChannelGate(known(spec.size(channel_axis(spec))), known(self._width(spec)), self.gate, is_sequence=spec.axes == SEQUENCE)

    def _width(self, spec: Spec) -> Size:
        return over(spec.size(channel_axis(spec)), self.reduction)
