"""Tables that will clearly not fit into memory are told before they are read: by then the system may have killed the process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.commands.screens.figures import format_bytes
from nntrain.commands.screens.output import tell
from nntrain.data.layout import plan_layout

if TYPE_CHECKING:
    from nntrain.data.settings import DataSettings

LEAST: Final = {"csv": 4.0, "jsonl": 5.0, "parquet": 4.0}
"""Bytes that a table takes in memory while it is prepared, for each of its file: less than of any that was measured. Texts, and columns
of few values, take several times as much."""


def tell_size(settings: DataSettings, folder: Path) -> None:
    """Say where the files of a table that is read into memory are too large for what is free, and what reads them otherwise."""
    least = LEAST.get(settings.source.type)
    if least is None or settings.streaming:
        return
    import torch

    from nntrain.commands.preparing.memory import free_bytes

    free = free_bytes(torch.device("cpu"))
    size = sum(path.stat().st_size for path in settings.source.files(folder).values() if path.is_file())
    if free is None or size * least <= free:
        return
    needed = f"{format_bytes(size)} of {settings.source.type} take {format_bytes(round(size * least))} of memory or more"
    tell(f"warning: {needed}, and {format_bytes(free)} are free: {_way_out(settings, folder)}")


def is_too_large(path: Path) -> bool:
    """Whether a file of a table will clearly not fit into what memory is free."""
    import torch

    from nntrain.commands.preparing.memory import free_bytes
    from nntrain.data.settings import SOURCE_OF_SUFFIX

    least, free = LEAST.get(SOURCE_OF_SUFFIX.get(path.suffix.lower(), "")), free_bytes(torch.device("cpu"))
    return least is not None and free is not None and path.stat().st_size * least > free


def _way_out(settings: DataSettings, folder: Path) -> str:
    streamed = settings.model_copy(update={"streaming": True})
    problem = next((each for each in plan_layout(streamed, folder, look=True)[1]), None)
    if problem is not None:
        return f"data.streaming: true is not for it: {problem.message}"
    return "data.streaming: true reads a block of rows at a time"
