"""How probabilities become classes, and what metrics must know of a target. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nntrain.metrics.metric import Metric, MetricInfo

if TYPE_CHECKING:
    from nntrain.tasks.task import Target, Task


@dataclass(frozen=True, slots=True)
class Reading:
    """How the logits of a target become probabilities, and those become classes."""

    temperature: float = 1.0
    """What logits are divided by (Guo et al. 2017, section 4.2): above 1 makes probabilities less sure."""
    threshold: float | None = None
    """Probability above which the second of two classes, or a label, is taken; `None`: the likelier, 0.5."""

    @classmethod
    def restore(cls, tree: Mapping[str, Any]) -> Reading:
        """Undo `state`. Raises `LookupError`, `TypeError` or `ValueError` where it is something else."""
        temperature, threshold = float(tree["temperature"]), tree["threshold"]
        if not (math.isfinite(temperature) and temperature > 0) or not (threshold is None or 0 <= float(threshold) <= 1):
            raise ValueError("no temperature, or no threshold")
        return cls(temperature, None if threshold is None else float(threshold))

    def state(self) -> dict[str, Any]:
        """As a plain tree."""
        return {"temperature": self.temperature, "threshold": self.threshold}


@dataclass(frozen=True, slots=True)
class Tuning:
    """What of a reading is found on the validation rows."""

    temperature: bool = False
    threshold_for: Metric | None = None
    """The metric that the threshold is best for."""


def metric_info(task: Task, target: Target, threshold: float | None = None) -> MetricInfo:
    """What the metrics of a target are told.

    Args:
        task: Its task.
        target: The target; before the data is fitted its classes may not be known.
        threshold: Probability above which the second of two classes, or a label, is taken; `None` stands for 0.5.
    """
    kind, axis = task.kind(target), task.unit_axis(target)
    if kind == "values":
        return MetricInfo(kind, unit_axis=axis, forecasts=task.forecasts)
    if kind == "sequence":
        size = target.spec.classes
        return MetricInfo(kind, size if isinstance(size, int) else 0, to_text=target.to_text)
    if kind == "binary":
        return MetricInfo(kind, 2, target.classes, threshold, axis)
    size = target.spec.sizes[-1] if kind == "labels" else target.spec.classes
    known = len(target.classes) or (size if isinstance(size, int) else 0)
    return MetricInfo(kind, known, target.classes, threshold, axis, to_text=target.to_text)
