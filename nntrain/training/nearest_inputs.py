"""Neighbours by the inputs themselves, pixel by pixel and number by number: how far embeddings get that nothing was learned for."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.training.baselines import Baseline
from nntrain.training.evaluation import evaluate_portions
from nntrain.training.objective import Objective

ROWS: Final = 1024
"""Rows that are read at once."""


def measure_nearest_inputs(objective: Objective, splits: Mapping[str, TensorData]) -> dict[str, Baseline]:
    """Measure `nearest_inputs`: the inputs of a row one after another as its embedding, scaled as the network reads them.

    Args:
        objective: Targets and metrics; of others than a single embedding nothing is measured.
        splits: Rows to be measured by name of the split, on the CPU; of inputs that differ in length or hold classes nothing is measured.
    """
    [name, *others] = objective.targets
    target = objective.targets[name]
    tensors = [tensor for data in splits.values() for tensor in data.inputs.values()]
    has_stored = any(data.stored for data in splits.values())
    is_index = any(tensor.dtype == torch.int64 for tensor in tensors)
    if others or target.task.kind(target.target) != "neighbors" or has_stored or is_index:
        return {}
    started = time.monotonic()
    metrics: dict[str, float | None] = {}
    for split, data in splits.items():

        def portion(start: int, end: int, data: TensorData = data) -> Mapping[str, Tensor]:
            inputs = data.batch(start, end).inputs.values()
            return {name: torch.cat([tensor.reshape(end - start, -1).float() for tensor in inputs], dim=1)}

        scores = evaluate_portions(objective, portion, data, ROWS)
        metrics |= {f"{split}.{metric}": value for metric, value in scores.metrics.items()}
    return {"nearest_inputs": Baseline(metrics, round(time.monotonic() - started, 3))}
