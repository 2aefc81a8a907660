"""What metrics must know of a target, from its task. Torch-free."""

from __future__ import annotations

from nntrain.metrics.metric import MetricInfo
from nntrain.tasks.task import Target, Task


def metric_info(task: Task, target: Target, threshold: float | None = None) -> MetricInfo:
    """What the metrics of a target are told.

    Args:
        task: Its task.
        target: The target; before the data is fitted its classes may not be known.
        threshold: Probability above which the second of two classes, or a label, is taken; `None` stands for 0.5.
    """
    kind = task.kind(target)
    if kind == "values":
        return MetricInfo(kind)
    if kind == "binary":
        return MetricInfo(kind, 2, target.classes, threshold)
    size = target.spec.sizes[-1] if kind == "labels" else target.spec.classes
    return MetricInfo(kind, len(target.classes) or (size if isinstance(size, int) else 0), target.classes, threshold)
