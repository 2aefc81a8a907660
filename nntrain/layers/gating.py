"""Activations that fold their features: gated linear units and maxout. Fewer features come out than go in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.errors import SpecError
from nntrain.layers.activation import Activation
from nntrain.layers.requirements import channel_axis, need_channels
from nntrain.specs import Size, Spec, over

if TYPE_CHECKING:
    from torch import nn


class GLU(Activation):
    """Gated linear unit: the first half of the features times the sigmoid of the second, [B, …, F] -> [B, …, F / 2] (Dauphin et al. 2017).

    Of an image, half of the channels. The layer before it makes twice the features that are wanted.
    """

    gate: ClassVar[Literal["sigmoid", "relu", "gelu", "silu"]] = "sigmoid"

    type: Literal["glu"] = "glu"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return _folded(spec, 2, "halves")

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.activation import GatedUnit

        return GatedUnit(self.gate, spec.dim(channel_axis(spec)))


class ReGLU(GLU):
    """Gated unit with relu: relu(a) * b for the halves a and b of the features, [B, …, F] -> [B, …, F / 2] (Shazeer 2020)."""

    gate: ClassVar[Literal["sigmoid", "relu", "gelu", "silu"]] = "relu"

    type: Literal["reglu"] = "reglu"  # pyright: ignore[reportIncompatibleVariableOverride]


class GEGLU(GLU):
    """Gated unit with gelu: gelu(a) * b for the halves a and b of the features, [B, …, F] -> [B, …, F / 2] (Shazeer 2020)."""

    gate: ClassVar[Literal["sigmoid", "relu", "gelu", "silu"]] = "gelu"

    type: Literal["geglu"] = "geglu"  # pyright: ignore[reportIncompatibleVariableOverride]


class SwiGLU(GLU):
    """Gated unit with silu: silu(a) * b for the halves a and b of the features, [B, …, F] -> [B, …, F / 2] (Shazeer 2020)."""

    gate: ClassVar[Literal["sigmoid", "relu", "gelu", "silu"]] = "silu"

    type: Literal["swiglu"] = "swiglu"  # pyright: ignore[reportIncompatibleVariableOverride]


class Maxout(Activation):
    """The largest of every `pieces` features that follow one another: [B, …, F] -> [B, …, F / pieces] (Goodfellow et al. 2013)."""

    main: ClassVar[str | None] = "pieces"

    type: Literal["maxout"] = "maxout"
    pieces: Annotated[int, Field(ge=2)] = 2
    """Features of which one is kept."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return _folded(spec, self.pieces, f"takes the largest of every {self.pieces} of")

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.activation import LargestOf

        return LargestOf(self.pieces, spec.dim(channel_axis(spec)))


def _folded(spec: Spec, pieces: Size, does: str) -> Spec:
    need_channels(spec)
    axis = channel_axis(spec)
    size = spec.size(axis)
    if isinstance(size, int) and isinstance(pieces, int) and size % pieces:
        raise SpecError(
            f"{does} the {axis}s and gets {spec.describe()}, which doesn't work out", hint=f"make it a multiple of {pieces} before it"
        )
    return Spec(spec.axes, spec.sizes).with_sizes(**{axis: over(size, pieces)})
