"""The table of optimizers. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.optimizers.optimizer import Optimizer
from nntrain.schema import Slot

OPTIMIZERS: Final = {
    "sgd": "nntrain.optimizers.sgd:SGD",
    "adam": "nntrain.optimizers.adam:Adam",
    "adamw": "nntrain.optimizers.adam:AdamW",
    "adamax": "nntrain.optimizers.adam_variants:Adamax",
    "nadam": "nntrain.optimizers.adam_variants:NAdam",
    "radam": "nntrain.optimizers.adam_variants:RAdam",
    "adagrad": "nntrain.optimizers.adaptive:Adagrad",
    "adadelta": "nntrain.optimizers.adaptive:Adadelta",
    "rmsprop": "nntrain.optimizers.adaptive:RMSprop",
    "adafactor": "nntrain.optimizers.adaptive:Adafactor",
    "muon": "nntrain.optimizers.muon:Muon",
    "rprop": "nntrain.optimizers.full_batch:Rprop",
    "lbfgs": "nntrain.optimizers.full_batch:LBFGS",
    "asgd": "nntrain.optimizers.sgd:ASGD",
}

AnyOptimizer = Annotated[Optimizer, Slot("optimizer", (OPTIMIZERS,), default="adamw")]
