"""How many true edges rank before all but a few that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class HitsAt(Metric):
    """Share of the positive rows that rank above the k-th highest negative one (Hits@k of the Open Graph Benchmark, Hu et al. 2020).

    A positive row that only equals it is no hit. Undefined where there are fewer than k negative rows, as each would be a hit.
    """

    main: ClassVar[str | None] = "k"
    fits: ClassVar[frozenset[TargetKind]] = frozenset({"binary"})

    type: Literal["hits_at"] = "hits_at"
    k: PositiveInt = 20
    """Which of the negative rows, from the one with the highest probability, positive rows must rank above."""

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfRows

        return OfRows(self._value)

    def _value(self, prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        from nntrain.modules.ranking import hits_at

        return hits_at(prediction, target > 0, weights, self.k)
