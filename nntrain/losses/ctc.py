"""The loss of a sequence that the steps of another one spell, whatever their alignment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.loss import Loss, LossFunction, Part, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class _Aligned(LossFunction):
    """Scores rows by their steps: `per_row` is given the steps of each row of the output in place of the weights of values."""

    def __call__(self, output: Tensor, target: Tensor, row_weights: Tensor | None = None, lengths: Tensor | None = None) -> Part:
        """Score a batch; arguments as of `LossFunction`."""
        scores = self.per_row(output if output.itemsize >= 4 else output.float(), target, lengths)
        return Part((scores if row_weights is None else scores * row_weights).sum(), self.weight(target, row_weights))


class CTC(Loss):
    """Connectionist temporal classification (Graves et al. 2006): logits [B, T, V] of each step, tokens int64 [B, L].

    Minus the logarithm of the chance of the tokens, over all ways to spread them over the steps with blanks (index 0) between. With
    `reduction: mean` that of a row is divided by the number of its tokens, as torch does; `sum` leaves it. A row that has fewer steps
    than its tokens need counts as 0.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"sequence"})
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"logits"})

    type: Literal["ctc"] = "ctc"

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.ctc import ctc_scores, target_lengths

        def per_row(output: Tensor, target: Tensor, lengths: Tensor | None) -> Tensor:
            scores = ctc_scores(output, target, lengths)
            return scores / target_lengths(target).clamp(min=1) if self.reduction == "mean" else scores

        return _Aligned(lambda output, target: per_row(output, target, None).sum(), per_row)
