"""Which networks can be explained: those that give each row one answer of classes or numbers. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nntrain.errors import Problem
from nntrain.insight.settings import USE_BASELINE, ExplainSettings
from nntrain.losses.loss import TargetKind
from nntrain.tasks.task import Target, Task

KINDS: Final[frozenset[TargetKind]] = frozenset({"classes", "binary", "labels", "ordinal", "values"})

POSSIBLE: Final = "explain takes networks that give each row, window or node one answer, classes or numbers"


def why_not(targets: Iterable[tuple[Task, Target]]) -> str | None:
    """Why a network can't be explained, in words; `None` for one that can."""
    for task, target in targets:
        if not (task.supervised and task.predicts):
            return f"{task.type} gives rows no answer"
        if task.port(target) is not None:
            return f"{target.name} is written step by step ({task.type})"
        axis = task.unit_axis(target)
        if axis not in (None, "node"):
            return f"{target.name} has an answer for each {'step' if axis == 'time' else axis} of a row ({task.type})"
        if task.kind(target) not in KINDS:
            return f"{task.type} answers with more than a class or a number"
        if task.kind(target) == "values" and target.spec.rank > 1 and not task.forecasts:
            return f"{target.name} is {target.spec.describe()}"
    return None


def problems(settings: ExplainSettings | None, targets: Iterable[tuple[Task, Target]]) -> Iterator[Problem]:
    """A section `explain` that nothing reads, or options of it."""
    if settings is None:
        return
    why = why_not(targets)
    if why is not None:
        yield Problem(("explain",), f"has no effect: {why}, and {POSSIBLE}", "remove it", on_key=True)
    elif settings.baseline != "auto" and settings.method not in USE_BASELINE:
        yield Problem(("explain", "baseline"), f"has no effect: {settings.method} compares a row with no other", "remove it", on_key=True)
