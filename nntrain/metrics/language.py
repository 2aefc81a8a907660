"""Metrics of texts: how little their next tokens surprise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.errors import SpecError
from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

FIRST_TOKEN = 2
"""Index of the first token; padding and the unknown stand before it."""


class Perplexity(Metric):
    """exp of the mean negative log-likelihood of a token: between as many equally likely tokens the network wavers. 1 is best."""

    direction: ClassVar[Literal["min", "max"]] = "min"
    fits: ClassVar[frozenset[TargetKind]] = frozenset({"classes"})

    type: Literal["perplexity"] = "perplexity"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import mean_of

        return mean_of(surprise, lambda means: means.exp())


class BitsPerChar(Metric):
    """Bits that a character of the text takes: the nats of all tokens, by the characters that they stand for, by ln 2.

    It compares texts that were cut into other tokens. A token of `byte` counts as one character; words leave out the blanks between them
    and have no such number.
    """

    direction: ClassVar[Literal["min", "max"]] = "min"
    fits: ClassVar[frozenset[TargetKind]] = frozenset({"classes"})

    type: Literal["bits_per_char"] = "bits_per_char"

    def check(self, info: MetricInfo) -> None:
        if info.unit_axis is None or (info.to_text is not None and characters(info) is None):
            raise SpecError("needs the next tokens of a text, which stand for all of its characters", hint="fix:  perplexity")

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        import torch

        from nntrain.modules.metrics import OfSums, accumulator

        counts = characters(info)
        assert counts is not None
        by_token = torch.tensor(counts, dtype=accumulator(device), device=device)

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            return torch.stack([surprise(prediction, target).to(by_token.dtype), by_token[target]], dim=1)

        return OfSums(rows, lambda sums: sums[:, 0] / sums[:, 1] / math.log(2))


def surprise(prediction: Tensor, target: Tensor) -> Tensor:
    """-log of the probability of what came, `[S]`, of probabilities `[S, V]` and indices `[S]`."""
    import torch

    found = prediction.gather(1, target.unsqueeze(1)).squeeze(1)
    return -found.clamp(min=torch.finfo(found.dtype).tiny).log()


def characters(info: MetricInfo) -> tuple[int, ...] | None:
    """Characters that each token stands for; `None` where these are not all characters of a text."""
    if info.to_text is None:
        return None
    size = info.num_classes
    pair = [index for index in (FIRST_TOKEN, size - 1) if index < size]
    if len(info.to_text(pair)) != sum(len(info.to_text([index])) for index in pair):
        return None
    return tuple(1 if index < FIRST_TOKEN else len(info.to_text([index])) for index in range(size))
