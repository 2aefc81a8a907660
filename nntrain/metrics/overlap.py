"""How much of what is predicted and of what is true is the same, class by class, over all pixels of a split."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.metrics.by_class import ByClass

if TYPE_CHECKING:
    from torch import Tensor


class IoU(ByClass):
    """Intersection over union: pixels (rows) that are of a class and taken for it, as a share of those that are either.

    The mean over the classes, two included (mIoU), each over the whole split and not image by image; `class` names one of them. A class
    that neither occurs nor is predicted is left out of the mean.
    """

    of_second: ClassVar[bool] = False

    type: Literal["iou"] = "iou"

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        return hits / (hits + false + missed)


class Dice(ByClass):
    """Dice coefficient: twice what is of a class and taken for it, as a share of what is of it plus what is taken for it.

    That is f1 by pixel: the mean over the classes, two included, each over the whole split; `class` names one of them.
    """

    of_second: ClassVar[bool] = False

    type: Literal["dice"] = "dice"

    def share(self, hits: Tensor, false: Tensor, missed: Tensor, rest: Tensor) -> Tensor:
        return 2 * hits / (2 * hits + false + missed)
