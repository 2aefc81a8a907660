"""Metrics that are counted class by class: of the rows of a class, of those taken for it, and of those that are both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.losses.loss import TargetKind
from nntrain.metrics.classification import MAX_COMPARED, Undefined
from nntrain.metrics.metric import CLASSES, LABELS, Metric, MetricInfo, MetricState, Table
from nntrain.nearest import nearest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from nntrain.modules.metrics import Counts, Tally

ClassName = Annotated[str | bool | int | None, Field(alias="class")]


class ByClass(Metric):
    """A share of each class, and how it becomes one number.

    Of two classes it is the second one's; else the mean over the classes (macro). Classes that neither occur nor are predicted are
    left out of a mean.
    """

    fits: ClassVar[frozenset[TargetKind]] = LABELS
    decides: ClassVar[bool] = True
    of_second: ClassVar[bool] = True
    """Whether of two classes it is the second one's, where nothing else is said."""
    empty_is_zero: ClassVar[bool] = True
    """Whether a class that occurs or is predicted, and has no share, counts as 0 in a mean, as in scikit-learn; else it is left out."""

    average: Literal["macro", "micro", "weighted"] | None = None
    """`macro`: the mean over the classes, two included; `micro`: all classes' rows together; `weighted`: the mean by the classes' rows.
    Default: the second class where there are two, else macro."""
    class_: ClassName = None
    """The class that it is of, by name."""
    threshold: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability above which the class is taken, in place of the likeliest one; of two classes, of labels, or with `class`."""

    @model_validator(mode="after")
    def _is_of_one_or_all(self) -> ByClass:
        if self.average is not None and self.class_ is not None:
            raise PydanticCustomError("class_and_average", "takes either class (one of them) or average (all of them)")
        return self

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        """The number from weights of the same shape; NaN where it is undefined.

        Args:
            hits: Rows of the class that are taken for it.
            false: Rows that are taken for the class and are not of it.
            missed: Rows of the class that are not taken for it.
            rest: All others.
        """
        raise NotImplementedError

    def check(self, info: MetricInfo) -> None:
        if self.class_ is not None and info.classes:
            index_of(self.class_, info.classes)
        if self.threshold is not None and self.class_ is None and info.num_classes > 2 and info.kind != "labels":
            raise SpecError("threshold needs one class: of several the likeliest is taken", f"fix:  class: {(*info.classes, 'NAME')[0]}")

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfCounts, decided, taken

        wanted = None if self.class_ is None else index_of(self.class_, info.classes)
        if self.threshold is not None and wanted is not None and info.kind != "labels":
            threshold = self.threshold
            return OfCounts(1, lambda prediction, target: taken(prediction, target, wanted, threshold), lambda tally: self._value(tally, 0))
        threshold = info.threshold if self.threshold is None else self.threshold
        second = self.of_second and wanted is None and self.average is None and info.num_classes == 2 and info.kind != "labels"
        index = 1 if second else wanted
        return OfCounts(
            info.num_classes,
            lambda prediction, target: decided(prediction, target, threshold),
            lambda tally: self._value(tally, index),
        )

    def _value(self, tally: Tally, index: int | None) -> Tensor:
        import torch

        hits, false, missed = tally.both, tally.predicted - tally.both, tally.actual - tally.both
        parts = (hits, false, missed, tally.total - hits - false - missed)
        if index is not None:
            return self.share(*(part[:, index] for part in parts))
        if self.average == "micro":
            return self.share(*(part.sum(dim=1) for part in parts))
        seen = tally.actual + tally.predicted > 0
        shares = self.share(*parts)
        shares = torch.where(seen, shares.nan_to_num(nan=0.0) if self.empty_is_zero else shares, torch.nan)
        if self.average == "weighted":
            weights = torch.where(shares.isnan(), 0.0, tally.actual)
            return (shares.nan_to_num(nan=0.0) * weights).sum(dim=1) / weights.sum(dim=1)
        return shares.nanmean(dim=1)


class F1(ByClass):
    """Harmonic mean of precision and recall: of the second class where there are two, else the mean over the classes (macro)."""

    type: Literal["f1"] = "f1"

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        return 2 * hits / (2 * hits + false + missed)


class BalancedAccuracy(Metric):
    """Mean over the classes of the share of their rows that is recognised (recall), so that rare classes count as much as common ones."""

    fits: ClassVar[frozenset[TargetKind]] = CLASSES
    decides: ClassVar[bool] = True

    type: Literal["balanced_accuracy"] = "balanced_accuracy"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import OfCounts, decided

        return OfCounts(
            info.num_classes,
            lambda prediction, target: decided(prediction, target, info.threshold),
            lambda tally: (tally.both / tally.actual).nanmean(dim=1),
        )


class PerClass(Metric):
    """Precision, recall, f1 and the weight of the rows (support) of each class, as a table; of pixels iou too.

    `nntrain eval` has it in any case.

    There is none for more than 100 classes.
    """

    fits: ClassVar[frozenset[TargetKind]] = LABELS
    is_table: ClassVar[bool] = True
    monitored: ClassVar[bool] = False
    decides: ClassVar[bool] = True

    type: Literal["per_class"] = "per_class"

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.metrics import Counts

        if info.num_classes > MAX_COMPARED:
            return Undefined()
        return _ClassTable(Counts(info.num_classes), info)


class _ClassTable:
    def __init__(self, counts: Counts, info: MetricInfo) -> None:
        self._counts, self._info = counts, info

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        from nntrain.modules.metrics import decided

        self._counts.add(*decided(prediction, target, self._info.threshold), weights)

    def compute(self) -> Table | None:
        from nntrain.modules.metrics import finite

        tally = self._counts.read()
        if tally is None:
            return None
        names = self._info.classes or tuple(map(str, range(self._info.num_classes)))
        actual, predicted, both = (part[0] for part in tally[:3])
        shares = {"precision": both / predicted, "recall": both / actual, "f1": 2 * both / (actual + predicted)}
        shares |= {"iou": both / (actual + predicted - both)} if self._info.unit_axis == "pixel" else {}
        shares["support"] = actual
        return {name: {key: finite(float(share[index])) for key, share in shares.items()} for index, name in enumerate(names)}


def index_of(name: str | int, classes: tuple[str, ...]) -> int:
    """Place of a class by its name. Raises `SpecError` that names the nearest."""
    text = str(name).lower() if isinstance(name, bool) else str(name)
    if text in classes:
        return classes.index(text)
    near = nearest(text, classes, cutoff=0.5)
    known = ", ".join(classes[:8]) + (f" and {len(classes) - 8} more" if len(classes) > 8 else "")
    raise SpecError(f"no class {text!r}. The classes are {known}", f"fix:  class: {near[0]}" if near else None)
