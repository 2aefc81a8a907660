"""Forecasts that learn nothing: the last value, and what was there a season before."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.fitted_target import FittedTarget
from nntrain.data.window import WINDOW, WindowSettings
from nntrain.data.windows import Windows
from nntrain.training.evaluation import Scores, evaluate_predictions
from nntrain.training.references import Compared


def measure_last_value(compared: Compared) -> Mapping[str, Scores] | None:
    """Forecasts that repeat the newest value, where the past of all targets is an input."""
    return _measure(compared, 1)


def measure_seasonal_naive(compared: Compared) -> Mapping[str, Scores] | None:
    """Forecasts that repeat the last season (`data.window.season`), where there is one and the past of all targets is an input."""
    return None if compared.window is None or compared.window.season is None else _measure(compared, compared.window.season)


def _measure(compared: Compared, season: int) -> Mapping[str, Scores] | None:
    window = compared.window
    if window is None or any(target.places is None for target in compared.targets.values()):
        return None
    found: dict[str, Scores] = {}
    for split, data in compared.splits.items():
        predictions = {key: naive_forecast(window, target, data, season) for key, target in compared.targets.items()}
        found[split] = evaluate_predictions(compared.objective, predictions, data)
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
