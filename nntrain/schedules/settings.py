"""The table of learning rate schedules. Torch-free."""

from __future__ import annotations

from typing import Annotated, Final

from nntrain.schedules.schedule import Schedule
from nntrain.schema import Slot

SCHEDULES: Final = {
    "constant": "nntrain.schedules.constant:Constant",
    "cosine": "nntrain.schedules.cosine:Cosine",
    "step": "nntrain.schedules.step:Step",
}

AnySchedule = Annotated[Schedule, Slot("scheduler", (SCHEDULES,))]
