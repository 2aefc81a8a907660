"""What carrying a state over from window to window needs of the data. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from nntrain.errors import Problem

if TYPE_CHECKING:
    from nntrain.data.settings import DataSettings

CARRY: Final = ("data", "batch", "carry_state")


def carry_problems(settings: DataSettings) -> Iterator[Problem]:
    """Rows that are no windows, or windows of which none begins where another ends."""
    if settings.batch is None or not settings.batch.carry_state:
        return
    window = settings.window
    if window is None:
        message = "carries what is remembered from window to window, and rows without data.window stand each alone"
        yield Problem(CARRY, message, "fix:  window: {past: 50, stride: 50}, or remove carry_state", on_key=True)
        return
    if settings.batch_size == "full":
        message = "has no effect with batch_size: full, which shows all windows at once and carries nothing"
        yield Problem(CARRY, message, "fix:  batch_size: 16, the number of stretches that are walked side by side", on_key=True)
    if window.past % window.step:  # else a row of another group could lie where the next window would begin
        message = f"{window.past} is no multiple of step: {window.step}, so that windows that go on from others don't fit"
        yield Problem(("data", "window", "past"), message, f"fix:  past: {window.steps * window.step}, which reads as many rows")
    reach = window.steps * window.step
    if settings.source.is_running_text and reach % window.stride:
        message = f"{window.stride} tokens apart no window begins where another one of {reach} ends, which data.batch.carry_state needs"
        yield Problem(("data", "window", "stride"), message, f"fix:  stride: {reach}, or one that divides it")
    elif not settings.source.is_running_text and window.stride != reach:
        message = f"{window.stride} rows apart no window begins where another one of {reach} ends, which data.batch.carry_state needs"
        yield Problem(("data", "window", "stride"), message, f"fix:  stride: {reach}")
