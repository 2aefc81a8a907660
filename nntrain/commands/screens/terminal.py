"""Lines of a terminal that are drawn again and again. Loads rich, so it is imported when the first of them is drawn."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.live import Live


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Told as any other stream that went away; rich would end the process."""
        raise BrokenPipeError


def live_lines(stream: TextIO | None) -> Live:
    """Lines at the end of a stream, drawn when they are told to be. Its other lines scroll above them."""
    return Live(console=_Console(file=stream), auto_refresh=False, redirect_stdout=False)
