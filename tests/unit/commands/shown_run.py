"""A terminal that only remembers, a clock that only goes when it is told to, and a run that is shown on them."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from nntrain.commands.screens.display import Display, Position


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@dataclass
class Clock:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def train(display: Display, clock: Clock, rmse: list[float], seconds: float) -> None:
    """Show a run with one evaluation an epoch of 100 steps."""
    for epoch, value in enumerate(rmse, start=1):
        clock.seconds += seconds
        best = min(rmse[:epoch])
        display.advance(Position(epoch * 100, len(rmse) * 100, epoch, len(rmse), 21_400.0, 38.0))
        display.report(
            epoch, epoch * 100, {"train.loss": value / 1000, "validation.rmse": value}, "validation.rmse", best, rmse.index(best) + 1
        )


def without_styles(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def last_frame(terminal: Terminal) -> list[str]:
    """The lines that are seen in the end."""
    return [line.rstrip() for line in without_styles(terminal.getvalue().rpartition("\x1b[2K")[2]).strip("\r\n").splitlines()]
