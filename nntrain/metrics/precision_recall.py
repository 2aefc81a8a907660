"""Shares of what was found, and of what was to be found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat

from nntrain.metrics.by_class import ByClass

if TYPE_CHECKING:
    from torch import Tensor


class Precision(ByClass):
    """Share of the rows taken for a class that are of it."""

    type: Literal["precision"] = "precision"

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        return hits / (hits + false)


class Recall(ByClass):
    """Share of the rows of a class that are taken for it (sensitivity)."""

    type: Literal["recall"] = "recall"

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        return hits / (hits + missed)


class Specificity(ByClass):
    """Share of the rows of other classes that are not taken for a class."""

    empty_is_zero: ClassVar[bool] = False

    type: Literal["specificity"] = "specificity"

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        return rest / (rest + false)


class FBeta(ByClass):
    """Like f1, with recall counting beta times as much as precision."""

    main: ClassVar[str | None] = "beta"

    type: Literal["f_beta"] = "f_beta"
    beta: PositiveFloat
    """Weight of recall: 2 for misses that cost more, 0.5 for false alarms that do."""

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        square = self.beta**2
        return (1 + square) * hits / ((1 + square) * hits + false + square * missed)


class Jaccard(ByClass):
    """Rows that are of a class and taken for it, as a share of those that are either (intersection over union)."""

    type: Literal["jaccard"] = "jaccard"

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        return hits / (hits + false + missed)
