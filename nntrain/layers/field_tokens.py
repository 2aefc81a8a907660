"""The fields of a row as the steps of a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_row
from nntrain.specs import SEQUENCE, Spec, over

if TYPE_CHECKING:
    from torch import nn


class FieldTokens(Layer):
    """Fields that are encoded by `dim` numbers each become steps: [B, F * dim] -> [B, F, dim]."""

    main: ClassVar[str | None] = "dim"

    type: Literal["field_tokens"] = "field_tokens"
    dim: PositiveInt
    """Numbers that each field has been encoded by."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_row(spec)
        sections = spec.sections or spec.sizes
        wrong = [size for size in sections if isinstance(size, int) and size % self.dim]
        if wrong:
            hint = f"fix:  inputs: {{COLUMN: {{type: embedding, dim: {self.dim}}}}}, or ple, periodic or linear_embedding for numbers"
            raise SpecError(f"takes fields encoded by {self.dim} numbers each, and one of them has {wrong[0]}", hint)
        return Spec(SEQUENCE, (over(spec.sizes[0], self.dim), self.dim))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Unflatten(-1, (-1, self.dim))
