"""Drawings of lines, points, counts and shares as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from nntrain.insight.report.svg import GRID, INK, MUTED, SERIES, WIDTH, drawn
from nntrain.tasks.drawings import Bars, Contributions, Counts, Drawing, Histogram, Lines, Network, Points, Samples

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT: Final = 2.9
SMALL: Final = (1.5, 0.55)
"""Inches of what stands in a cell of a table."""
SOLID: Final = 5
"""Lines that are solid; those of a sixth and later are dashed, so that they differ by more than colour."""
COUNTED: Final = frozenset({"epoch", "step", "steps ahead"})
"""What has no values between whole numbers."""
MOST_NUMBERED: Final = 10
"""Classes of a matrix whose cells have room for numbers."""
STRENGTH: Final = 0.55
"""How strong the strongest cell is: numbers on it stay readable."""


def plot(drawing: Drawing, prefix: str) -> Markup:
    """A drawing as an SVG element; `Samples` are a table, and no drawing."""
    match drawing:
        case Lines():
            return drawn(lambda figure: _lines(figure, drawing), (WIDTH, HEIGHT), _label(drawing), prefix)
        case Points():
            return drawn(lambda figure: _points(figure, drawing), (WIDTH, HEIGHT), _label(drawing), prefix)
        case Counts():
            return drawn(lambda figure: _counts(figure, drawing), (WIDTH, WIDTH * 0.92), _label(drawing), prefix)
        case Bars():
            size = SMALL if drawing.is_small else (WIDTH, 0.6 + 0.27 * len(drawing.labels))
            return drawn(lambda figure: _bars(figure, drawing), size, _label(drawing), prefix)
        case Contributions():
            return drawn(lambda figure: _contributions(figure, drawing), (WIDTH, HEIGHT), _label(drawing), prefix)
        case Histogram():
            return drawn(
                lambda figure: _histogram(figure, drawing), SMALL if drawing.is_small else (WIDTH, HEIGHT), _label(drawing), prefix
            )
        case Network():
            from nntrain.insight.report.networks import network

            return network(drawing, _label(drawing), prefix)
        case Samples():
            raise TypeError("samples are shown as a table")


def _label(drawing: Drawing) -> str:
    return f"{drawing.title}. {drawing.told}".strip()


def is_dashed(place: int, *, wanted: bool) -> bool:
    """Whether the line at a place among several is dashed, also in the legend."""
    return wanted or place >= SOLID


def _axes(figure: Figure, x_label: str, y_label: str) -> Axes:
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.tick_params(length=0)
    return axes


def _lines(figure: Figure, drawing: Lines) -> None:
    from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter

    axes = _axes(figure, drawing.x_label, drawing.y_label)
    if drawing.is_logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=8))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    if drawing.band is not None:
        axes.fill_between(drawing.band.x, drawing.band.low, drawing.band.high, color=SERIES[1], alpha=0.18, linewidth=0)
    if drawing.is_diagonal:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, dashes=(2, 2))
    for place, line in enumerate(drawing.lines):
        style: dict[str, Any] = {"dashes": (4, 2)} if is_dashed(place, wanted=line.is_dashed) else {}
        is_few = drawing.with_points or len(line.x) == 1
        axes.plot(line.x, line.y, color=SERIES[place % len(SERIES)], marker="o" if is_few else None, markersize=3.5, **style)
    for mark in drawing.marks:
        axes.axvline(mark.x, color=INK, linewidth=0.9, dashes=(1, 2))
        is_late = bool(drawing.lines) and mark.x > (min(drawing.lines[0].x) + max(drawing.lines[0].x)) / 2
        axes.annotate(
            mark.label,
            (mark.x, 1),
            xycoords=("data", "axes fraction"),
            xytext=(2 if is_late else -2, 3),  # above the lines, which it would hide
            textcoords="offset points",
            ha="right" if is_late else "left",
            va="bottom",
        )
    if drawing.x_label in COUNTED:
        places = {x for line in drawing.lines for x in line.x}
        axes.xaxis.set_major_locator(FixedLocator([*places]) if len(places) == 1 else MaxNLocator(6, integer=True))


def _points(figure: Figure, drawing: Points) -> None:
    axes = _axes(figure, drawing.x_label, drawing.y_label)
    axes.plot(drawing.x, drawing.y, "o", color=SERIES[0], markersize=2.6, markeredgewidth=0, alpha=0.55)
    if drawing.reference == "zero":
        axes.axhline(0, color=MUTED, linewidth=0.9, dashes=(2, 2))
    else:
        ends = [min(*drawing.x, *drawing.y), max(*drawing.x, *drawing.y)]
        axes.plot(ends, ends, color=MUTED, linewidth=0.9, dashes=(2, 2))
    _thin_ticks(axes)


def _thin_ticks(axes: Axes) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        low, high = axis.get_view_interval()
        if max(abs(low), abs(high)) >= 10_000:
            axis.set_major_formatter(EngFormatter(sep=""))


def _counts(figure: Figure, drawing: Counts) -> None:
    axes = _axes(figure, "predicted", "true")
    axes.grid(visible=False)
    count = len(drawing.classes)
    for i, row in enumerate(drawing.counts):
        total = max(1, sum(row))
        for j, cell in enumerate(row):
            if cell:
                _square(axes, i, j, cell / total)
            if count <= MOST_NUMBERED:
                axes.text(
                    j,
                    i,
                    f"{cell:,}" if cell else "·",
                    ha="center",
                    va="center",
                    color=INK if cell else MUTED,
                    fontsize=_fitting(cell, count),
                )
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    names = [_cut(name, 14 if count <= MOST_NUMBERED else 9) for name in drawing.classes]
    is_wide = max(map(len, names)) * count > 26
    axes.set_xticks(range(count), names, rotation=90 if is_wide else 0, fontsize=8 if count <= MOST_NUMBERED else 6)
    axes.set_yticks(range(count), names, fontsize=8 if count <= MOST_NUMBERED else 6)


def _square(axes: Axes, row: int, column: int, share: float) -> None:
    from matplotlib.patches import Rectangle

    color = SERIES[0] if row == column else SERIES[1]
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=color, alpha=max(0.06, STRENGTH * share), linewidth=0))


def _fitting(count: int, classes: int) -> float:
    """Points of the letters in which a number fits into a cell."""
    return min(9.0, 190 / classes / max(2, len(f"{count:,}")) / 0.62)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _bars(figure: Figure, drawing: Bars) -> None:
    if drawing.is_small:
        axes = _bare(figure)
        axes.bar(range(len(drawing.values)), drawing.values, color=SERIES[0], width=0.8)
        return
    axes = _axes(figure, "", "")
    axes.grid(visible=False, axis="y")
    places = range(len(drawing.values))
    colours = _signs(drawing.values) if drawing.is_signed else SERIES[0]
    axes.barh(places, drawing.values, color=colours, height=0.7)
    if drawing.is_signed:
        axes.axvline(0, color=MUTED, linewidth=0.9)
    axes.set_yticks(places, [_cut(label, 26) for label in drawing.labels])
    axes.invert_yaxis()
    _few_ticks(axes)


def _signs(values: Sequence[float]) -> list[str]:
    """Colours of what speaks for something, and against it."""
    return [SERIES[1] if value > 0 else SERIES[0] for value in values]


def _contributions(figure: Figure, drawing: Contributions) -> None:
    from matplotlib.ticker import MaxNLocator

    both: Any = figure.subplots(2 if drawing.values else 1, 1, sharex=True, squeeze=False)
    panels: list[Axes] = [row[0] for row in both]
    for panel in panels:
        panel.tick_params(length=0)
        panel.yaxis.set_major_locator(MaxNLocator(4))
    if drawing.values:
        panels[0].plot(drawing.x, drawing.values, color=INK, marker="o" if len(drawing.values) == 1 else None, markersize=3.5)
        panels[0].set_ylabel(_cut(drawing.y_label, 18))
    width = (drawing.x[-1] - drawing.x[0]) / max(1, len(drawing.x) - 1) or 1
    panels[-1].bar(drawing.x, drawing.shares, width=width, color=_signs(drawing.shares))
    panels[-1].axhline(0, color=MUTED, linewidth=0.6)
    panels[-1].set_ylabel("share")
    panels[-1].set_xlabel(drawing.x_label)
    panels[-1].xaxis.set_major_locator(MaxNLocator(6, integer=True))


def _few_ticks(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(4))


def _histogram(figure: Figure, drawing: Histogram) -> None:
    axes = _bare(figure) if drawing.is_small else _axes(figure, "", "rows")
    axes.stairs(drawing.counts, drawing.edges, fill=True, color=SERIES[0])
    if not drawing.is_small:
        _thin_ticks(axes)
        axes.axvline(0, color=MUTED, linewidth=0.9, dashes=(2, 2))


def _bare(figure: Figure) -> Axes:
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0.02, 1, 0.96))
    axes.set_axis_off()
    axes.axhline(0, color=GRID, linewidth=0.8)
    return axes
