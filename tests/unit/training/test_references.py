"""Rivals beside the network: a task names them, and nothing else lists them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from nntrain.data.batches import TensorData
from nntrain.schema import load_class, load_name
from nntrain.tasks.settings import TASKS
from nntrain.tasks.task import Task
from nntrain.training.evaluation import Scores
from nntrain.training.references import REFERENCES, Compared, measure_references


def always_half(compared: Compared) -> dict[str, Scores]:
    return {split: Scores({"accuracy": 0.5}) for split in compared.splits}


def no_match(compared: Compared) -> None:
    return None


def compared(*references: tuple[str, ...]) -> Compared:
    targets = {str(place): SimpleNamespace(task=SimpleNamespace(references=names)) for place, names in enumerate(references)}
    rows = TensorData({"x": torch.zeros(2, 1)}, {}, None, torch.arange(2))
    return Compared(cast("Any", SimpleNamespace(targets=targets)), rows, {"test": rows}, {})


def test_what_tasks_name_is_there_and_is_named_by_a_task() -> None:
    tasks = [load_class(found) for found in TASKS.values()]
    named = {name for task in tasks if issubclass(task, Task) for name in task.references}
    assert named == set(REFERENCES)
    assert all(callable(load_name(reference.measure)) for reference in REFERENCES.values())


@pytest.mark.parametrize(
    ("references", "wanted"),
    [
        ([(f"{__name__}:always_half", f"{__name__}:no_match")], ["always_half"]),
        ([(f"{__name__}:always_half",), ()], []),
        ([()], []),
    ],
    ids=["of a plug-in", "not of all targets", "none"],
)
def test_rivals_that_all_tasks_name_and_that_fit_are_measured(references: list[tuple[str, ...]], wanted: list[str]) -> None:
    found = measure_references(compared(*references))
    assert [each.head for each in found.values()] == wanted
    assert all(each.metrics == {"test.accuracy": 0.5} for each in found.values())
