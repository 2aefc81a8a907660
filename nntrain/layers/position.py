"""Where a step stands in its sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import need_known
from nntrain.layers.windows import need_sequence
from nntrain.specs import RAGGED, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class PositionEmbedding(Layer):
    """Adds to each step of a sequence [B, T, F] a vector that says where it stands.

    `sinusoidal` (Vaswani et al. 2017): sin(t / 10000^(2i / F)) in feature 2i and its cosine in 2i + 1, for any length. Its state is
    the number of steps before, so that a sequence may come in parts.
    """

    main: ClassVar[str | None] = "kind"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths", "state"})

    type: Literal["position_embedding"] = "position_embedding"
    kind: Literal["learned", "sinusoidal"]
    """A vector that is learned for each step, or sines and cosines of its number."""
    max_length: PositiveInt | None = None
    """Steps for which `learned` has vectors: required where lengths differ by row, else the length of the sequence."""

    @model_validator(mode="after")
    def _length_is_read(self) -> Self:
        if self.kind == "sinusoidal" and self.max_length is not None:
            raise PydanticCustomError("length_of_sinusoidal", "max_length has no effect with sinusoidal, which holds for any length", {})
        return self

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        steps = spec.size("time")
        need_known(max_length=self.max_length)
        if self.kind == "learned" and self.max_length is None and steps == RAGGED:
            raise SpecError(
                f"learns a vector per step and gets {spec.describe()}, where lengths differ by row",
                hint="max_length: the steps of the longest row, or sinusoidal",
                options=("max_length", "positions"),
            )
        if isinstance(steps, int) and self.max_length is not None and steps > self.max_length:
            told = f"has vectors for {self.max_length} steps and gets {spec.describe()}"
            raise SpecError(told, f"max_length: {steps}", ("max_length",))
        return Spec(spec.axes, spec.sizes)

    @property
    def counts_steps(self) -> bool:
        return True

    def most_steps(self, spec: Spec) -> int | None:
        return (self.max_length or known(spec.size("time"))) if self.kind == "learned" else None

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"weight": (self.max_length or spec.size("time"), spec.size("feature"))} if self.kind == "learned" else {}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.position import LearnedPositions, SinusoidalPositions

        if self.kind == "sinusoidal":
            return SinusoidalPositions(known(spec.size("feature")))
        return LearnedPositions(self.max_length or known(spec.size("time")), known(spec.size("feature")))
