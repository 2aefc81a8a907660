"""The table of optimizers. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.optimizers.optimizer import Optimizer
from nntrain.schema import Slot

OPTIMIZERS: Final = {
    "sgd": "nntrain.optimizers.sgd:SGD",
    "adam": "nntrain.optimizers.adam:Adam",
    "adamw": "nntrain.optimizers.adam:AdamW",
}

AnyOptimizer = Annotated[Optimizer, Slot("optimizer", (OPTIMIZERS,), default="adamw")]
