"""Metrics of texts that were written down: how many of their words or letters are wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import Direction, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch

_TEXTS: frozenset[TargetKind] = frozenset({"sequence"})


class WER(Metric):
    """Word error rate: insertions, deletions and substitutions of words, of all rows, by the number of words that are right.

    Words are what stands between blanks. It may be above 1.
    """

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = _TEXTS

    type: Literal["wer"] = "wer"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.transcripts import error_rate

        return error_rate(lambda tokens: text_of(info, tokens).split())


class CER(Metric):
    """Character error rate: the same of characters, blanks included."""

    direction: ClassVar[Direction] = "min"
    fits: ClassVar[frozenset[TargetKind]] = _TEXTS

    type: Literal["cer"] = "cer"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.transcripts import error_rate

        return error_rate(lambda tokens: text_of(info, tokens))


class ExactMatch(Metric):
    """Share of the rows whose text is right to the last letter."""

    fits: ClassVar[frozenset[TargetKind]] = _TEXTS

    type: Literal["exact_match"] = "exact_match"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.transcripts import exact_share

        return exact_share(lambda tokens: text_of(info, tokens))


def text_of(info: MetricInfo, tokens: Sequence[int]) -> str:
    """The text of some tokens."""
    assert info.to_text is not None
    return info.to_text(tokens)
