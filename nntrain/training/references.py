"""What a network is compared with beside the trivial prediction: rivals that learn nothing, or only count, on the same rows.

A task names those that make sense for its targets (`Task.references`); each is a function that measures itself, or says that it can't.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

from nntrain.data.batches import TensorData
from nntrain.data.fitted_target import FittedTarget
from nntrain.data.window import WindowSettings
from nntrain.schema import load_name
from nntrain.training.baselines import Baseline
from nntrain.training.evaluation import Scores
from nntrain.training.objective import Objective


@dataclass(frozen=True, slots=True)
class Compared:
    """What a rival is measured on, all of it on the CPU."""

    objective: Objective
    """Targets and metrics."""
    train: TensorData
    """The training rows."""
    splits: Mapping[str, TensorData]
    """Rows to be measured, by name of the split."""
    targets: Mapping[str, FittedTarget]
    """The targets, which say where in a window their past is."""
    window: WindowSettings | None = None
    """How windows are cut, where they are."""
    things: tuple[str, ...] | None = None
    """The field of each of the things that rows hold; `None` where they hold one, or things that can't be compared."""


Measure = Callable[[Compared], Mapping[str, Scores] | None]
"""The scores by split; `None` where a rival doesn't fit the rows."""


class Reference(NamedTuple):
    """A rival."""

    head: str
    """Of its column on the screen."""
    measure: str
    """`"module:function"` of a `Measure`."""


REFERENCES: Final[Mapping[str, Reference]] = {
    "common_neighbors": Reference("common neighbors", "nntrain.training.neighbors:measure_common_neighbors"),
    "degree_product": Reference("degree product", "nntrain.training.neighbors:measure_degree_product"),
    "last_value": Reference("last value", "nntrain.training.naive:measure_last_value"),
    "nearest_inputs": Reference("by raw inputs", "nntrain.training.nearest_inputs:measure_nearest_inputs"),
    "ngram": Reference("5-gram", "nntrain.training.ngram:measure_ngram"),
    "seasonal_naive": Reference("a season ago", "nntrain.training.naive:measure_seasonal_naive"),
    "token_tags": Reference("each token's", "nntrain.training.token_tags:measure_token_tags"),
}
"""By the name that tasks have for them. Those of a plug-in's task are named `"module:function"`."""


def measure_references(compared: Compared) -> dict[str, Baseline]:
    """Measure the rivals that the tasks of all targets name, in the order of the first."""
    first, *others = (target.task.references for target in compared.objective.targets.values())
    found: dict[str, Baseline] = {}
    for name in (name for name in first if all(name in names for names in others)):
        reference = REFERENCES.get(name) or Reference(name.rpartition(":")[2], name)
        started = time.monotonic()
        scores = cast("Measure", load_name(reference.measure))(compared)
        if scores is not None:
            found[name] = Baseline.of(scores, started, reference.head)
    return found
