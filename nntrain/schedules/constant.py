"""A rate that stays as it is."""

from __future__ import annotations

from typing import Literal

from nntrain.schedules.schedule import Horizon, WarmedSchedule


class Constant(WarmedSchedule):
    """Keeps the rate at `optimizer.lr`."""

    type: Literal["constant"] = "constant"

    def main_lr(self, step: int, base_lr: float, horizon: Horizon) -> float:
        return base_lr
