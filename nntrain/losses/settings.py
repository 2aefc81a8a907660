"""The table of losses. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.losses.loss import Loss
from nntrain.schema import Slot

LOSSES: Final = {
    "cross_entropy": "nntrain.losses.classification:CrossEntropy",
    "bce": "nntrain.losses.classification:BinaryCrossEntropy",
    "mse": "nntrain.losses.regression:MeanSquaredError",
    "mae": "nntrain.losses.regression:MeanAbsoluteError",
}

AnyLoss = Annotated[Loss, Slot("loss", (LOSSES,))]
