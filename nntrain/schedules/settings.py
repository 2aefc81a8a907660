"""The table of learning rate schedules. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.schedules.schedule import Schedule
from nntrain.schema import Slot

SCHEDULES: Final = {
    "constant": "nntrain.schedules.constant:Constant",
    "linear": "nntrain.schedules.decay:Linear",
    "cosine": "nntrain.schedules.cosine:Cosine",
    "polynomial": "nntrain.schedules.decay:Polynomial",
    "step": "nntrain.schedules.step:Step",
    "multi_step": "nntrain.schedules.step:MultiStep",
    "exponential": "nntrain.schedules.step:Exponential",
    "inverse_sqrt": "nntrain.schedules.decay:InverseSqrt",
    "one_cycle": "nntrain.schedules.cycles:OneCycle",
    "cyclic": "nntrain.schedules.cycles:Cyclic",
    "warm_restarts": "nntrain.schedules.cosine:WarmRestarts",
    "coslog": "nntrain.schedules.cosine:CosLog",
    "wsd": "nntrain.schedules.decay:WSD",
    "plateau": "nntrain.schedules.plateau:Plateau",
}

AnySchedule = Annotated[Schedule, Slot("scheduler", (SCHEDULES,))]
