"""Losses of values. A row's values are averaged, so that a target with many values weighs no more than one with a single value."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.loss import Loss, LossFunction, PositiveNumber, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor

VALUES: frozenset[TargetKind] = frozenset({"values"})
VALUE_KINDS: frozenset[Kind] = frozenset({"float", "probability"})


class MeanSquaredError(Loss):
    """Squared difference: outputs `[B, 1]` or the shape of the target, targets `[B]` or `[B, F]`."""

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS

    type: Literal["mse"] = "mse"

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from torch.nn.functional import mse_loss

        return self.of_rows(mse_loss, reshapes=True)


class MeanAbsoluteError(Loss):
    """Absolute difference, less moved by outliers: outputs `[B, 1]` or the shape of the target, targets `[B]` or `[B, F]`."""

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS

    type: Literal["mae"] = "mae"

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from torch.nn.functional import l1_loss

        return self.of_rows(l1_loss, reshapes=True)


class Huber(Loss):
    """Half the squared difference up to delta, beyond it delta times the absolute one: d (|e| - d / 2) (Huber 1964)."""

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS
    main: ClassVar[str | None] = "delta"

    type: Literal["huber"] = "huber"
    delta: PositiveNumber = 1.0
    """Difference from which on it grows in a line, in the unit of training: standard deviations for a standardised target."""

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from torch.nn.functional import huber_loss

        return self.of_rows(partial(huber_loss, delta=self.delta), reshapes=True)


class SmoothL1(Loss):
    """Absolute difference with a round tip: e² / (2 beta) below beta, |e| - beta / 2 above; huber with delta = beta, divided by beta."""

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS
    main: ClassVar[str | None] = "beta"

    type: Literal["smooth_l1"] = "smooth_l1"
    beta: PositiveNumber = 1.0
    """Difference from which on it grows in a line, in the unit of training: standard deviations for a standardised target."""

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from torch.nn.functional import smooth_l1_loss

        return self.of_rows(partial(smooth_l1_loss, beta=self.beta), reshapes=True)


class LogCosh(Loss):
    """log(cosh(difference)): half the square of small differences, the absolute value of large ones less log 2; smooth everywhere."""

    targets: ClassVar[frozenset[TargetKind]] = VALUES
    input_kinds: ClassVar[frozenset[Kind]] = VALUE_KINDS

    type: Literal["log_cosh"] = "log_cosh"

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.losses import log_cosh, scored

        return self.of_rows(scored(log_cosh), reshapes=True)
