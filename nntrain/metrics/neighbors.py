"""Metrics of embeddings: which rows lie nearest to a row. They keep all rows of a split.

Each row asks for its neighbours among all other rows of the split; it counts by its weight as a question, and others find it whatever its
weight. Of rows that lie equally far the order is drawn once, by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor

NEIGHBORS: frozenset[TargetKind] = frozenset({"neighbors"})
JOINT: frozenset[TargetKind] = frozenset({"pairs", "triplets"})


class Neighbors(Metric):
    """What is asked of the neighbours of rows."""

    fits: ClassVar[frozenset[TargetKind]] = NEIGHBORS

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfRows

        return OfRows(self.value)

    def value(self, prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """The number `[R]` of embeddings `[N, F]`, classes int64 `[N]` and weights `[R, N]`; NaN where no row has a partner."""
        raise NotImplementedError


class RecallAt(Neighbors):
    """Share of the rows that have one of their class among their k nearest (recall@k of Jégou et al. 2011, as used for embeddings).

    Rows whose class no other row of the split has are left out. Of pairs, and of rows with three things, the first thing of a row looks for
    the second one among those of all rows of the split.
    """

    fits: ClassVar[frozenset[TargetKind]] = NEIGHBORS | JOINT
    main: ClassVar[str | None] = "k"

    type: Literal["recall_at"] = "recall_at"
    k: PositiveInt = 1
    """Neighbours that are looked at."""

    def value(self, prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        from nntrain.modules.neighbors import joint_recall_at, recall_at

        return (joint_recall_at if prediction.ndim == 3 else recall_at)(prediction, target, weights, self.k)


class MRR(Neighbors):
    """Mean reciprocal rank: 1 / the place at which the nearest comes that belongs to a row (Voorhees 1999), 1 where it always is the first.

    Of classes that is another row of the own class; of pairs, and of rows with three things, the second thing of the row among those of all
    rows of the split, as the first one looks for it.
    """

    fits: ClassVar[frozenset[TargetKind]] = NEIGHBORS | JOINT

    type: Literal["mrr"] = "mrr"

    def value(self, prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        from nntrain.modules.neighbors import reciprocal_rank

        return reciprocal_rank(prediction, target, weights)


class TripletAccuracy(Neighbors):
    """Share of the rows whose second thing lies nearer to the first than the third does, a tie counted half."""

    fits: ClassVar[frozenset[TargetKind]] = frozenset({"triplets"})

    type: Literal["triplet_accuracy"] = "triplet_accuracy"

    def value(self, prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        from nntrain.modules.neighbors import nearer_share

        return nearer_share(prediction.float(), weights)


class MAPAtR(Neighbors):
    """Mean average precision at R: how many of the R nearest are of a row's class, and how early (Musgrave et al. 2020, equation 2).

    R is the number of other rows of its class: 1 where all of these come before any other row. Rows without one are left out.
    """

    type: Literal["map_at_r"] = "map_at_r"

    def value(self, prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        from nntrain.modules.neighbors import map_at_r

        return map_at_r(prediction, target, weights)


class PairAUROC(Neighbors):
    """Chance that two rows of one class lie nearer to each other than two of different classes: verification by a threshold.

    The area under the ROC curve over all pairs of the split, whose distances are put into 4,096 equal steps first, a tie counted half.
    """

    type: Literal["pair_auroc"] = "pair_auroc"

    def value(self, prediction: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        from nntrain.modules.neighbors import pair_auroc

        return pair_auroc(prediction, target, weights)
