"""The steps of a network as boxes in their order, with the lines between them, as SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from nntrain.insight.report.svg import INK, MUTED, SERIES, WIDTH, drawn
from nntrain.tasks.drawings import Network

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW: Final = 0.52
"""Inches from a box to the next."""
TALL: Final = 0.36
"""Height of a box."""
LANE: Final = 0.11
"""Inches between lines that pass by boxes."""
MOST_LANES: Final = 7


def network(drawing: Network, label: str, prefix: str) -> Markup:
    """The network from the top to the bottom: a line from each box to the next if that reads it, others beside the boxes."""
    return drawn(lambda figure: _draw(figure, drawing), (WIDTH, ROW * len(drawing.boxes) + 0.1), label, prefix)


def lanes(edges: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """A lane for each line that passes by boxes, the short ones near the boxes; no two that overlap share one."""
    found: dict[tuple[int, int], int] = {}
    for edge in sorted(edges, key=lambda each: (each[1] - each[0], each)):
        taken = {lane for other, lane in found.items() if other[0] < edge[1] and edge[0] < other[1]}
        found[edge] = next(lane for lane in range(len(edges) + 1) if lane not in taken)
    return found


def _draw(figure: Figure, drawing: Network) -> None:
    from matplotlib.patches import FancyBboxPatch

    height = ROW * len(drawing.boxes) + 0.1
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, 0)
    passing = lanes([edge for edge in drawing.edges if edge[1] - edge[0] > 1])
    used = min(MOST_LANES, max(passing.values(), default=-1) + 1)
    right = WIDTH - 0.08 - (LANE * used + 0.06 if used else 0)
    for place, box in enumerate(drawing.boxes):
        top = ROW * place + 0.08
        shape = "round,pad=0,rounding_size=0.05"
        axes.add_patch(FancyBboxPatch((0.04, top), right - 0.04, TALL, boxstyle=shape, facecolor=SERIES[0], alpha=0.13, linewidth=0))
        room = int((right - 0.2) / 0.072)
        for y, words, size, color in ((0.13, (box.layer, box.output), 8, INK), (0.27, (box.name, box.parameters), 7, MUTED)):
            style: dict[str, Any] = {"color": color, "va": "center", "fontsize": size}
            axes.text(0.12, top + y, _cut(words[0], room - len(words[1]) - 2), ha="left", **style)
            axes.text(right - 0.08, top + y, words[1], ha="right", **style)
    for first, last in drawing.edges:
        if last - first == 1:
            _arrow(axes, [(right / 2, ROW * first + 0.08 + TALL), (right / 2, ROW * last + 0.08)])
        else:
            x = right + 0.06 + LANE * (passing[first, last] % MOST_LANES + 0.5)
            y, end = ROW * first + 0.08 + TALL * 0.72, ROW * last + 0.08 + TALL * 0.28
            _arrow(axes, [(right, y), (x, y), (x, end), (right, end)])


def _arrow(axes: Axes, way: list[tuple[float, float]]) -> None:
    xs, ys = [x for x, _ in way], [y for _, y in way]
    axes.plot(xs, ys, color=MUTED, linewidth=1, solid_joinstyle="round")
    mark = "v" if xs[-1] == xs[-2] else "<"
    shift = -0.03 if mark == "v" else 0.0
    axes.plot([xs[-1] + (0.03 if mark == "<" else 0)], [ys[-1] + shift], mark, color=MUTED, markersize=4, markeredgewidth=0)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= max(4, width) else text[: max(4, width) - 1] + "…"
