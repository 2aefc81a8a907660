"""The table of tasks, and which one a target's field type stands for. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.schema import Forms, Slot, Tags
from nntrain.tasks.task import Task

TASKS: Final = {
    "classification": "nntrain.tasks.classification:Classification",
    "ctc": "nntrain.tasks.ctc:CTC",
    "forecasting": "nntrain.tasks.forecasting:Forecasting",
    "language_model": "nntrain.tasks.language_model:LanguageModel",
    "gan": "nntrain.tasks.gan:GAN",
    "link_prediction": "nntrain.tasks.link_prediction:LinkPrediction",
    "metric": "nntrain.tasks.metric:MetricLearning",
    "next_step": "nntrain.tasks.next_step:NextStep",
    "ordinal": "nntrain.tasks.ordinal:Ordinal",
    "q_values": "nntrain.tasks.q_values:QValues",
    "regression": "nntrain.tasks.regression:Regression",
    "segmentation": "nntrain.tasks.segmentation:Segmentation",
    "seq2seq": "nntrain.tasks.seq2seq:Seq2Seq",
    "tagging": "nntrain.tasks.tagging:Tagging",
}

AnyTask = Annotated[Task, Slot("task", (TASKS,))]

Tasks = Annotated[AnyTask | dict[str, AnyTask] | None, Forms(Tags("task", TASKS))]
"""One for all targets, or by target."""

TASK_OF_FIELD: Final = {
    "category": "classification",
    "boolean": "classification",
    "multi_label": "classification",
    "ordinal": "ordinal",
    "number": "regression",
    "vector": "regression",
    "image": "regression",
    "mask": "segmentation",
    "tags": "tagging",
    "notes": "next_step",
    "text": "seq2seq",
    "link": "link_prediction",
    "row": "metric",
}
"""The task that a target of a field type gets where `task` says nothing."""
