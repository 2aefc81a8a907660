"""The table of tasks, and which one a target's field type stands for. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.schema import Slot
from nntrain.tasks.task import Task

TASKS: Final = {
    "classification": "nntrain.tasks.classification:Classification",
    "regression": "nntrain.tasks.regression:Regression",
}

AnyTask = Annotated[Task, Slot("task", (TASKS,))]

TASK_OF_FIELD: Final = {
    "category": "classification",
    "boolean": "classification",
    "number": "regression",
    "vector": "regression",
}
"""The task that a target of a field type gets where `task` says nothing."""
