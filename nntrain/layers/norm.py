"""The base of all normalizations."""

from __future__ import annotations

from typing import ClassVar, Final

from pydantic import PositiveFloat

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import EMBED, channel_axis
from nntrain.specs import IMAGE, NODES, PAIRS, SEQUENCE, VECTOR, VOLUME, Axes, Size, Spec

WORDS: Final[dict[Axes, str]] = {VECTOR: "a row of numbers [F]", SEQUENCE: "a sequence [T, F]", IMAGE: "an image [C, H, W]"}


class Norm(Layer):
    """A normalisation that keeps the shape."""

    takes: ClassVar[tuple[Axes, ...]] = (VECTOR, SEQUENCE, NODES, PAIRS, IMAGE, VOLUME)

    eps: PositiveFloat = 1e-5
    """Added to the variance, against division by zero."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes not in self.takes or spec.kind == "index":
            *words, last = [WORDS[axes] for axes in self.takes if axes in WORDS]
            raise SpecError(f"needs {', '.join(words)} or {last}, and gets {spec.describe()}", hint=EMBED if spec.kind == "index" else None)
        return Spec(spec.axes, spec.sizes, directions=spec.directions)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        size = spec.size(channel_axis(spec))
        return {"weight": (size,), "bias": (size,)}
