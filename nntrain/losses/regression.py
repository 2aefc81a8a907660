"""Losses of values. A row's values are averaged, so that a target with many values weighs no more than one with a single value."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.losses.loss import Loss, LossFunction, TargetKind
from nntrain.specs import Kind

VALUE_KINDS: frozenset[Kind] = frozenset({"float", "probability"})


class MeanSquaredError(Loss):
    """Squared difference: outputs `[B, 1]` or the shape of the target, targets `[B]` or `[B, F]`."""

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"values"})
    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS

    type: Literal["mse"] = "mse"

    def build(self, *, label_smoothing: float = 0.0) -> LossFunction:
        from torch.nn.functional import mse_loss

        from nntrain.modules.losses import row_loss

        return LossFunction(*row_loss(mse_loss))


class MeanAbsoluteError(Loss):
    """Absolute difference, less moved by outliers: outputs `[B, 1]` or the shape of the target, targets `[B]` or `[B, F]`."""

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"values"})
    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS

    type: Literal["mae"] = "mae"

    def build(self, *, label_smoothing: float = 0.0) -> LossFunction:
        from torch.nn.functional import l1_loss

        from nntrain.modules.losses import row_loss

        return LossFunction(*row_loss(l1_loss))
