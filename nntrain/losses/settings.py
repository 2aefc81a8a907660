"""The table of losses. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.losses.loss import Loss
from nntrain.schema import Forms, Slot, Tags

LOSSES: Final = {
    "cross_entropy": "nntrain.losses.classification:CrossEntropy",
    "bce": "nntrain.losses.classification:BinaryCrossEntropy",
    "ctc": "nntrain.losses.ctc:CTC",
    "focal": "nntrain.losses.classification:Focal",
    "ordinal": "nntrain.losses.classification:OrdinalLoss",
    "hinge": "nntrain.losses.margins:Hinge",
    "margin": "nntrain.losses.margins:Margin",
    "perceptron": "nntrain.losses.margins:Perceptron",
    "dice": "nntrain.losses.overlap:Dice",
    "jaccard": "nntrain.losses.overlap:Jaccard",
    "tversky": "nntrain.losses.overlap:Tversky",
    "mse": "nntrain.losses.regression:MeanSquaredError",
    "mae": "nntrain.losses.regression:MeanAbsoluteError",
    "huber": "nntrain.losses.regression:Huber",
    "smooth_l1": "nntrain.losses.regression:SmoothL1",
    "log_cosh": "nntrain.losses.regression:LogCosh",
    "quantile": "nntrain.losses.distribution:Quantile",
    "gaussian_nll": "nntrain.losses.distribution:GaussianNLL",
    "poisson_nll": "nntrain.losses.distribution:PoissonNLL",
    "kl_div": "nntrain.losses.distribution:KLDivergence",
    "cosine": "nntrain.losses.distribution:Cosine",
}

AnyLoss = Annotated[Loss, Slot("loss", (LOSSES,))]

LossOrSeveral = Annotated[AnyLoss | tuple[AnyLoss, ...], Forms(Tags("loss", LOSSES))]
"""A loss, or several that are added up."""

Losses = Annotated[AnyLoss | tuple[AnyLoss, ...] | dict[str, LossOrSeveral] | None, Forms(Tags("loss", LOSSES))]
"""One for all targets, or by target."""
