"""Pictures of what single rows are explained by: the columns of a window row by row, and a node among its neighbours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.data.highlights import AGAINST, FOR, Course, Heat, strengths

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from nntrain.insight.explanation import ExplainedRow, Neighborhood, NodeShare, Share

MOST_PANELS: Final = 8
"""Columns of a window that are drawn, those with the largest shares."""
MOST_NODES: Final = 40
"""Nodes that are drawn, those with the largest shares."""
NAMED: Final = 12
"""Nodes whose place is written beside them."""
WIDTH: Final = 8.0
"""Inches."""
LONGEST: Final = 28
"""Letters of a name."""
_SETTINGS: Final[dict[str, Any]] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def pictures(row: ExplainedRow, names: Mapping[str, str]) -> dict[str, bytes]:
    """The pictures of a row, PNG by name: one of all columns of a window or of all nodes, one of each image, sound or series.

    Args:
        row: The row.
        names: What stands for each column in the name of a file.
    """
    found = {
        f"row-{row.number}-{names[share.column]}.png": share.highlight.content for share in row.shares if isinstance(share.highlight, Heat)
    }
    courses = [(share, share.highlight) for share in row.shares if isinstance(share.highlight, Course)]
    if courses:
        found[f"row-{row.number}.png"] = _courses(row, courses)
    if row.around is not None:
        found[f"row-{row.number}.png"] = _graph(row, row.around)
    return found


def _drawn(size: tuple[float, float], draw: Callable[[Figure], None]) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(cast("Any", _SETTINGS)):
        figure = Figure(figsize=size, dpi=110, layout="constrained")
        draw(figure)
        content = BytesIO()
        cast("Any", FigureCanvasAgg(figure)).print_png(content)
    return content.getvalue()


def _colour(levels: tuple[int, int, int], strength: float = 1.0) -> tuple[float, float, float, float]:
    red, green, blue = (level / 255 for level in levels)
    return red, green, blue, strength


def _title(row: ExplainedRow) -> str:
    output = f"probability of {row.output}" if row.is_probability else row.output
    return f"row {row.number} ({row.place}): {output} {row.answer:.4g}, {row.neutral:.4g} of a row that says nothing"


def _courses(row: ExplainedRow, courses: Sequence[tuple[Share, Course]]) -> bytes:
    """Columns below one another: each in its own unit as a line, and as bars what each of its rows contributes."""
    shown = courses[:MOST_PANELS]
    largest = max((abs(each) for _, course in shown for each in course.shares), default=0.0) or 1.0

    def draw(figure: Figure) -> None:
        panels = cast("Any", figure.subplots(len(shown), 1, squeeze=False))[:, 0]
        for panel, (share, course) in zip(panels, shown, strict=True):
            _course(panel, share, course, largest)
        panels[-1].set_xlabel(
            "rows before (0: the last that is known)" if shown[-1][1].rows[-1] <= 0 else "rows (0: the last that is known)"
        )
        rest = f"; {len(courses) - len(shown)} more columns" if len(courses) > len(shown) else ""
        figure.suptitle(f"{_title(row)}\nlines: the columns; bars: red for, blue against, in the unit of the answer{rest}", fontsize=9)

    return _drawn((WIDTH, 0.9 + 1.3 * len(shown)), draw)


def _course(panel: Axes, share: Share, course: Course, largest: float) -> None:
    step = course.rows[1] - course.rows[0] if len(course.rows) > 1 else 1
    colours = [_colour(FOR if each > 0 else AGAINST) for each in course.shares]
    panel.bar(course.rows, course.shares, width=step, color=colours)
    panel.set_ylim(-1.1 * largest, 1.1 * largest)
    panel.set_ylabel("share")
    panel.axhline(0, color="0.6", linewidth=0.6)
    panel.set_title(f"{_cut(share.column)}: {share.share:+.4g}", loc="left", fontsize=9)
    if course.values:
        beside = panel.twinx()
        beside.spines["right"].set_visible(True)
        beside.plot(course.rows, course.values, color="0.15", linewidth=1.2, marker="o" if len(course.values) == 1 else None)
        beside.set_ylabel(_cut(share.column, 14))


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _graph(row: ExplainedRow, found: Neighborhood) -> bytes:
    """The node in the middle, around it its neighbours, around these theirs; a whole graph in a circle."""
    order = sorted(range(len(found.nodes)), key=lambda place: (place > 0 or found.nodes[0].hops is None, -abs(found.nodes[place].share)))
    kept = sorted(order[:MOST_NODES])
    places = _places([found.nodes[place] for place in kept])
    named = {*order[:NAMED]}
    colours = strengths(_array([found.nodes[place].share for place in kept]))

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        panel.set_axis_off()
        panel.set_aspect("equal")
        at = dict(zip(kept, places, strict=True))
        for one, other in found.edges:
            if one in at and other in at:
                panel.plot(*zip(at[one], at[other], strict=True), color="0.75", linewidth=0.8, zorder=1)
        for place, strength in zip(kept, colours, strict=True):
            node, (x, y) = found.nodes[place], at[place]
            size = 260 if node.hops == 0 else 110
            panel.scatter([x], [y], s=size, color="white", edgecolors="0.3", linewidths=0.8, zorder=2)
            fill = _colour(FOR if strength > 0 else AGAINST, min(1.0, abs(float(strength))))
            panel.scatter([x], [y], s=size, color=[fill], edgecolors="none", zorder=3)
            if place in named:
                panel.annotate(
                    f"{node.place}\n{node.share:+.3g}",
                    (x, y),
                    (0, -9),
                    textcoords="offset points",
                    ha="center",
                    va="top",
                    fontsize=7,
                    zorder=4,
                )
        rest = f"; {len(found.nodes) - len(kept)} more nodes" if len(found.nodes) > len(kept) else ""
        figure.suptitle(
            f"{_title(row)}\nred nodes speak for it, blue ones against it; a ring is an edge away from the one before{rest}", fontsize=9
        )

    return _drawn((WIDTH, WIDTH * 0.9), draw)


def _array(values: Sequence[float]) -> Any:
    import numpy as np

    return np.array(values, dtype=np.float64)


def _places(nodes: Sequence[NodeShare]) -> list[tuple[float, float]]:
    """Where nodes are drawn: on a ring by how far away they are."""
    found: list[tuple[float, float]] = []
    by_ring: dict[int, int] = {}
    counts: dict[int, int] = {}
    for node in nodes:
        ring = 1 if node.hops is None else node.hops
        counts[ring] = counts.get(ring, 0) + 1
    for node in nodes:
        ring = 1 if node.hops is None else node.hops
        turn = by_ring.get(ring, 0)
        by_ring[ring] = turn + 1
        angle = 2 * math.pi * (turn / counts[ring] + 0.13 * ring)
        found.append((ring * math.cos(angle), ring * math.sin(angle)))
    return found
