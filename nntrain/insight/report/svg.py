"""Matplotlib figures as SVG inside a page: in the colours of the page, which differ by day and night, and with names of their own."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING, Any, Final, cast

from markupsafe import Markup, escape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK: Final = "#010101"
MUTED: Final = "#010102"
GRID: Final = "#010103"
PAPER: Final = "#010104"
SERIES: Final = tuple(f"#0102{index:02x}" for index in range(1, 11))
"""Colours that stand for those of the page until the figure is SVG."""
VARIABLES: Final = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"} | {
    color: f"--c{index}" for index, color in enumerate(SERIES, 1)
}
SETTINGS: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "nntrain",
    "text.parse_math": False,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "axes.unicode_minus": True,
    "lines.linewidth": 1.7,
    "path.simplify_threshold": 0.3,
}
WIDTH: Final = 4.1
"""Inches of a figure, which is as wide as a phone: it is never made smaller than to three quarters."""

_FONT: Final = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif"


def drawn(make: Callable[[Figure], None], size: tuple[float, float], label: str, prefix: str) -> Markup:
    """An SVG element.

    Args:
        make: Draws into an empty figure.
        size: Width and height in inches.
        label: What is to be seen, for who does not see it.
        prefix: What names within it begin with: it has to differ from figure to figure of a page.
    """
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings: Any = matplotlib.rc_context(cast("Any", SETTINGS))
    with settings, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # signs that its own font lacks: the page has others
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
        figure = Figure(figsize=size, layout="constrained")
        figure.patch.set_alpha(0)
        make(figure)
        for axes in figure.axes:
            axes.patch.set_alpha(0)
        content = StringIO()
        FigureCanvasSVG(figure).print_svg(content, metadata={"Date": None})
    return Markup(_adapted(content.getvalue(), label, prefix))  # noqa: S704 (matplotlib has escaped what is in it, `label` is escaped)


def _adapted(svg: str, label: str, prefix: str) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    used = {*re.findall(r'xlink:href="#([^"]+)"', body), *re.findall(r"url\(#([^)]+)\)", body)}
    body = re.sub(r' id="([^"]+)"', lambda found: f' id="{prefix}-{found[1]}"' if found[1] in used else "", body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    body = re.sub(r"<[^>]+>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0]), body)  # coordinates, not what is written
    body = re.sub("|".join(VARIABLES), lambda found: f"var({VARIABLES[found[0]]})", body)
    body = re.sub(r"font: ([^;\"]*?)'?DejaVu Sans'?[^;\"]*", rf"font: \1{_FONT}", body)
    body = re.sub(r"\s*\n\s*", "\n", body).strip()
    width, height = re.findall(r'(?:width|height)="([\d.]+)pt"', body)[:2]
    style = f"max-width: {float(width) * 4 / 3:.0f}px"
    head = f'<svg class="plot" role="img" aria-label="{escape(label)}" viewBox="0 0 {width} {height}" style="{style}">'
    return head + body[body.index(">") + 1 :]
