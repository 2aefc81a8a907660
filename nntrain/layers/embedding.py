"""Vectors of indices: learned, or one number a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.specs import Size, Spec, compute, known

if TYPE_CHECKING:
    from torch import nn


class Embedding(Layer):
    """A learned vector per value of an index: [B] -> [B, dim], [B, T] -> [B, T, dim].

    Index 0 (padding of a text, a value that was never seen) is the zero vector and is not trained.
    """

    main: ClassVar[str | None] = "dim"

    type: Literal["embedding"] = "embedding"
    dim: PositiveInt
    """Size of a vector."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        _need_index(spec)
        return Spec((*spec.axes, "feature"), (*spec.sizes, self.dim))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        assert spec.classes is not None
        return {"weight": (spec.classes, self.dim)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        assert spec.classes is not None
        return nn.Embedding(known(spec.classes), self.dim, padding_idx=0)


class OneHot(Layer):
    """One number per value of an index, 1 for the value of the row and 0 for the others: [B] -> [B, K], [B, T] -> [B, T, K].

    Index 0 (padding of a text, a value that was never seen) is all zeros.
    """

    type: Literal["one_hot"] = "one_hot"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return Spec((*spec.axes, "feature"), (*spec.sizes, self._values(spec)))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.inputs import OneHotIndex

        return OneHotIndex(known(self._values(spec)))

    def _values(self, spec: Spec) -> Size:
        def without_unseen(classes: int) -> int:
            return classes - 1

        return compute(without_unseen, _need_index(spec))


def _need_index(spec: Spec) -> Size:
    """Number of values of an index, 0 included. Raises `SpecError` for anything else."""
    if spec.kind != "index" or spec.classes is None:
        raise SpecError(
            f"needs an index (a category or a text) and gets {spec.describe()}",
            hint="put it first, on a category or text; numbers take linear",
        )
    if spec.of_one.axes not in {(), ("time",)}:
        raise SpecError(f"needs one index a row, or a sequence of them, and gets {spec.describe()}")
    return spec.classes
