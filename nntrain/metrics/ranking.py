"""Metrics of how probabilities rank the rows. They keep all rows of a split."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from nntrain.losses.loss import TargetKind
from nntrain.metrics.by_class import ClassName, index_of
from nntrain.metrics.classification import MAX_COMPARED, Undefined
from nntrain.metrics.metric import LABELS, Metric, MetricInfo, MetricState

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Ranking(Metric):
    """How well the probability of a class ranks its rows above the others: the second class of two, else the mean over the classes."""

    fits: ClassVar[frozenset[TargetKind]] = LABELS

    average: Literal["macro", "weighted"] = "macro"
    """Of more than two classes, or of labels: `macro`, the mean over them, or `weighted`, the mean by their rows."""
    class_: ClassName = None
    """The class that it is of, by name."""

    @model_validator(mode="after")
    def _is_of_one_or_all(self) -> Ranking:
        if self.class_ is not None and "average" in self.model_fields_set and self.average != "macro":
            raise PydanticCustomError("class_and_average", "takes either class (one of them) or average (all of them)")
        return self

    def areas(self, scores: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
        """The numbers `[R, K]` of scores `[K, N]` and positive rows `[K, N]`; NaN where one is undefined."""
        raise NotImplementedError

    def check(self, info: MetricInfo) -> None:
        if self.class_ is not None and info.classes:
            index_of(self.class_, info.classes)

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        if info.num_classes > MAX_COMPARED and self.class_ is None:
            return Undefined()
        wanted = None if self.class_ is None else index_of(self.class_, info.classes)
        return self.state(lambda prediction, target, weights: self._value(prediction, target, weights, wanted), wanted)

    def state(self, value: Callable[[Tensor, Tensor, Tensor], Tensor], wanted: int | None) -> MetricState:
        """What keeps the rows; `value` is as `OfRows` takes it, of one class where one is wanted."""
        from nntrain.modules.metrics import OfRows

        return OfRows(value)

    def _value(self, prediction: Tensor, target: Tensor, weights: Tensor, wanted: int | None) -> Tensor:
        from nntrain.modules.metrics import by_class

        if wanted is not None and target.ndim == 1:
            score = prediction[:, wanted] if prediction.ndim > 1 else prediction if wanted == 1 else 1 - prediction
            return self.areas(score.unsqueeze(0), (target == wanted).unsqueeze(0), weights)[:, 0]
        scores, positive = by_class(prediction, target)
        if wanted is not None:
            return self.areas(scores[:, [wanted]].T, positive[:, [wanted]].T, weights)[:, 0]
        return self.mean(self.areas(scores.T, positive.T, weights), lambda: weights @ positive.to(weights.dtype))

    def mean(self, areas: Tensor, support: Callable[[], Tensor]) -> Tensor:
        """The number `[R]` of areas `[R, K]` of classes; `support` tells the weight of the rows of each, `[R, K]`."""
        import torch

        if self.average == "macro":
            return areas.nanmean(dim=1)
        by_class = torch.where(areas.isnan(), 0.0, support())
        return (areas.nan_to_num(nan=0.0) * by_class).sum(dim=1) / by_class.sum(dim=1)


class AUROC(Ranking):
    """Area under the ROC curve: how well the probability ranks the rows of a class above the others; the mean over the classes.

    Undefined for more than 100 classes: it keeps all probabilities and sorts them once for each class.
    """

    type: Literal["auroc"] = "auroc"

    def state(self, value: Callable[[Tensor, Tensor, Tensor], Tensor], wanted: int | None) -> MetricState:
        from nntrain.modules.ranked_rows import OfRankedRows

        return super().state(value, wanted) if wanted is not None else OfRankedRows(value, self.mean)

    def areas(self, scores: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
        from nntrain.modules.ranking import areas_under_curves

        return areas_under_curves(scores, positive, weights)


class AveragePrecision(Ranking):
    """Area under the precision-recall curve, in steps: how pure the rows with the highest probability of a class are.

    Fitter than auroc where a class is rare. Undefined for more than 100 classes.
    """

    type: Literal["average_precision"] = "average_precision"

    def areas(self, scores: Tensor, positive: Tensor, weights: Tensor) -> Tensor:
        import torch

        from nntrain.modules.ranking import average_precision

        return torch.stack([average_precision(*each, weights) for each in zip(scores, positive, strict=True)], dim=1)
