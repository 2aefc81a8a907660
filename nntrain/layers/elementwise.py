"""Merges that compute number by number, and the stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from nntrain.errors import SpecError
from nntrain.layers.merging import Merge, agree, missing_axes
from nntrain.layers.requirements import need_numbers
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, VOLUME, Spec

if TYPE_CHECKING:
    from torch import nn


class Elementwise(Merge):
    """Tensors of one shape become one of that shape, number by number."""

    how: ClassVar[Literal["sum", "difference", "product", "mean", "max"]]

    def joined(self, widest: Spec, specs: Sequence[Spec]) -> Spec:
        return Spec(widest.axes, tuple(agree(specs, axis) for axis in widest.axes))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.merging import Fold

        widest = max((spec, *side), key=lambda each: each.rank)
        return Fold(self.how, missing_axes(widest, (spec, *side)))


class Add(Elementwise):
    """Sum of tensors of one shape."""

    how = "sum"

    type: Literal["add"] = "add"


class Subtract(Elementwise):
    """Difference of two tensors of one shape: the first (in a list, the stream) minus the second."""

    how = "difference"
    is_pair: ClassVar[bool] = True

    type: Literal["subtract"] = "subtract"


class Multiply(Elementwise):
    """Product of tensors of one shape, number by number."""

    how = "product"

    type: Literal["multiply"] = "multiply"


class Mean(Elementwise):
    """Mean of tensors of one shape, number by number."""

    how = "mean"

    type: Literal["mean"] = "mean"


class Max(Elementwise):
    """The largest of tensors of one shape, number by number."""

    how = "max"

    type: Literal["max"] = "max"


class Stack(Merge):
    """Puts n tensors of one shape side by side along a new axis: [B, F] -> [B, n, F].

    Rows of numbers become the steps of a sequence, sequences [B, T, F] the channels of an image [B, n, T, F], images [B, C, H, W]
    the slices of a volume [B, C, n, H, W].
    """

    type: Literal["stack"] = "stack"

    @property
    def looks_ahead(self) -> bool:
        """Steps become pixels, which know no past."""
        return True

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        """Shape rule: all of one shape, of fixed length.

        Raises:
            SpecError: They differ, or rows have lengths of their own.
        """
        for each in (spec, *side):
            need_numbers(each)
            if each.axes != spec.axes:
                raise SpecError(f"stacks tensors of one shape, and gets {spec.describe()} and {each.describe()}")
        if spec.axes not in _STACKED:
            raise SpecError(f"stacks rows of numbers, sequences or images, and gets {spec.describe()}")
        if spec.is_ragged:
            raise SpecError(f"needs rows of one length and gets {spec.describe()}", hint="concat joins their features step by step")
        sizes = [agree((spec, *side), axis) for axis in spec.axes]
        place = 1 if spec.axes == IMAGE else 0
        return Spec(_STACKED[spec.axes], (*sizes[:place], 1 + len(side), *sizes[place:]))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.merging import StackTensors

        return StackTensors(2 if spec.axes == IMAGE else 1)


_STACKED: Final = {VECTOR: SEQUENCE, SEQUENCE: IMAGE, IMAGE: VOLUME}
