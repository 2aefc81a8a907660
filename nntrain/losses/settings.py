"""The table of losses. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from nntrain.losses.loss import Loss
from nntrain.schema import Forms, Slot, Tags

LOSSES: Final = {
    "cross_entropy": "nntrain.losses.classification:CrossEntropy",
    "bce": "nntrain.losses.classification:BinaryCrossEntropy",
    "arcface": "nntrain.losses.angular:ArcFace",
    "contrastive": "nntrain.losses.embedding:Contrastive",
    "ctc": "nntrain.losses.ctc:CTC",
    "focal": "nntrain.losses.classification:Focal",
    "ordinal": "nntrain.losses.classification:OrdinalLoss",
    "hinge": "nntrain.losses.margins:Hinge",
    "margin": "nntrain.losses.margins:Margin",
    "nt_xent": "nntrain.losses.embedding:NTXent",
    "perceptron": "nntrain.losses.margins:Perceptron",
    "triplet": "nntrain.losses.embedding:Triplet",
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
    "wasserstein": "nntrain.losses.rivals:Wasserstein",
}

AnyLoss = Annotated[Loss, Slot("loss", (LOSSES,))]

PartWeight = Annotated[float, Field(ge=0)]
"""How much a part counts that a layer adds to the loss."""

LossesOrWeight = Annotated[AnyLoss | tuple[AnyLoss, ...] | PartWeight, Forms(Tags("loss", LOSSES))]

Losses = Annotated[AnyLoss | tuple[AnyLoss, ...] | dict[str, LossesOrWeight] | None, Forms(Tags("loss", LOSSES))]
"""One for all targets, or by target; beside the targets of such a mapping may stand how much parts count, `z.kl: 0.5`."""
