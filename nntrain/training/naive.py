"""Forecasts that learn nothing: the last value, and what was there a season before."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.fitted_target import FittedTarget
from nntrain.data.window import WINDOW, WindowSettings
from nntrain.data.windows import Windows
from nntrain.training.baselines import Baseline
from nntrain.training.evaluation import evaluate_predictions
from nntrain.training.objective import Objective


def measure_naive(
    objective: Objective, window: WindowSettings | None, fitted: Mapping[str, FittedTarget], splits: Mapping[str, TensorData]
) -> dict[str, Baseline]:
    """Measure `last_value`, and `seasonal_naive` where there is a season, of forecasts whose own past is an input; none of others.

    Args:
        objective: Targets and metrics.
        window: How windows are cut.
        fitted: The targets, which say where in a window their past is.
        splits: Rows to be measured by name of the split, on the CPU.
    """
    forecasts = all(target.task.forecasts for target in objective.targets.values())
    if window is None or not forecasts or any(target.places is None for target in fitted.values()):
        return {}
    found: dict[str, Baseline] = {}
    for name, season in (("last_value", 1), ("seasonal_naive", window.season)):
        if season is None:
            continue
        started = time.monotonic()
        metrics: dict[str, float | None] = {}
        for split, data in splits.items():
            predictions = {key: naive_forecast(window, target, data, season) for key, target in fitted.items()}
            scores = evaluate_predictions(objective, predictions, data)
            metrics |= {f"{split}.{metric}": value for metric, value in scores.metrics.items()}
        found[name] = Baseline(metrics, round(time.monotonic() - started, 3))
    return found


def naive_forecast(window: WindowSettings, target: FittedTarget, data: TensorData, season: int) -> Tensor:
    """The newest known value a whole number of seasons before each row that is predicted, in raw units: `[N, H, C]`, `[N, H]` or `[N]`."""
    past = data.stored[WINDOW]
    assert isinstance(past, Windows)
    assert target.places is not None
    ahead = 1 + window.gap + torch.arange(window.horizon)
    back = ahead - season * -(-ahead // season)
    values = past.values[:, list(target.places)][past.origins[:, None] + back]
    shaped = values if target.columns else values[:, :, 0] if window.horizon > 1 else values[:, 0, 0]
    return target.to_raw(shaped)
