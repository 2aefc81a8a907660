"""`check --run --plot FILE`: the learning-rate range test as a picture. matplotlib is loaded here and nowhere before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.errors import ResourceError, UsageError
from nntrain.insight.rate_range import smoothed

if TYPE_CHECKING:
    from nntrain.commands.trials.trial_rates import Swept

SUFFIXES: Final = (".svg", ".png", ".pdf")


def check_plot(file: Path) -> None:
    """Refuse what can't be written, or would take another file's place. Raises `UsageError`."""
    if file.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {file}: a picture is one of {', '.join(SUFFIXES)}", f"--plot {file.with_suffix('.svg').name}")
    if file.exists():
        raise UsageError(f"--plot {file}: is there already", "another name, or move it away: no file is written over")
    if not file.parent.is_dir():
        raise UsageError(f"--plot {file}: there is no folder {file.parent}")


def plot_sweep(swept: Swept, title: str, file: Path) -> None:
    """Draw the losses over the rates, smoothed and as they were, with the good range and both rates.

    Raises:
        UsageError: The file has come into being in the meantime.
        ResourceError: It can't be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(7, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    curve = smoothed(swept.losses)
    axes.plot(swept.rates, swept.losses, color="0.75", linewidth=0.8, label="loss of each step")
    axes.plot(swept.rates, curve, color="tab:blue", label="smoothed")
    axes.axvline(swept.configured, color="tab:orange", linestyle="--", label=f"configured: {swept.configured:g}")
    if swept.advice is not None and swept.advice.suggested is not None:
        axes.axvspan(swept.advice.low, swept.advice.high, color="tab:green", alpha=0.12, label="good range")
        axes.axvline(swept.advice.suggested, color="tab:green", label=f"suggested: {swept.advice.suggested:g}")
    axes.set(xscale="log", xlabel="learning rate", ylabel="loss", title=title, ylim=_limits(curve))
    axes.legend()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as stream:
            figure.savefig(stream, format=file.suffix[1:].lower())
    except FileExistsError:
        raise UsageError(f"--plot {file}: is there already", "another name, or move it away: no file is written over") from None
    except OSError as error:
        raise ResourceError(f"--plot {file}: cannot be written: {error.strerror}") from None


def _limits(curve: Sequence[float]) -> tuple[float, float]:
    """What is drawn of the losses: a blow-up at the end would make a line of all before."""
    low, first = min(curve), curve[0]
    room = max(first - low, 1e-12)
    return low - 0.1 * room, first + 0.6 * room
