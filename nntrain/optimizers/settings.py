"""The table of optimizers. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

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

JOINED: Final = {"by_node": "nntrain.optimizers.by_node:ByNode"}
"""What consists of several of them."""


def infer_optimizer(options: Mapping[str, Any]) -> str | None:
    """Several names, none of them an optimizer or an option of one, each with an optimizer: one for each node."""
    is_by_node = len(options) > 1 and not any(key in OPTIMIZERS or key in Optimizer.model_fields for key in options)
    are_optimizers = all(isinstance(value, dict) or (isinstance(value, str) and value in OPTIMIZERS) for value in options.values())
    return "by_node" if is_by_node and are_optimizers else None


AnyOptimizer = Annotated[Optimizer, Slot("optimizer", (OPTIMIZERS, JOINED), default="adamw", infer=infer_optimizer)]
