"""Drawings as SVG inside a page: nothing foreign is loaded, nothing is markup that was a name, colours are those of the page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from nntrain.insight.report.networks import lanes
from nntrain.insight.report.page import legend, owner_of, points, strongest
from nntrain.insight.report.plots import plot
from nntrain.insight.report.svg import VARIABLES
from nntrain.tasks.drawings import Bars, Box, Contributions, Counts, Drawing, Histogram, Line, Lines, Mark, Network, Points, Samples

EVIL = "<script>$x^2$ & 字</script>"
DRAWINGS: dict[str, Drawing] = {
    "lines": Lines(EVIL, EVIL, EVIL, EVIL, (Line(EVIL, [1, 2], [0.1, 0.2]),), (Mark(EVIL, 1),), is_diagonal=True),
    "points": Points(EVIL, EVIL, EVIL, EVIL, [1.0, 2e6], [1.0, 2e6], "diagonal"),
    "counts": Counts(EVIL, EVIL, (EVIL, "b"), ((1, 0), (2, 3000))),
    "bars": Bars(EVIL, EVIL, (EVIL, "b"), (1.0, 2.0)),
    "signed bars": Bars(EVIL, EVIL, (EVIL, "b"), (1.0, -2.0), is_signed=True),
    "contributions": Contributions(EVIL, EVIL, EVIL, EVIL, (-1, 0, 1), (5.0, 6.0, 7.0), (0.1, -0.2, 0.3)),
    "contributions of no number": Contributions(EVIL, EVIL, EVIL, EVIL, (0,), (), (0.1,)),
    "histogram": Histogram(EVIL, EVIL, (0.0, 1.0, 2.0), (3, 4)),
    "network": Network(EVIL, EVIL, tuple(Box(EVIL, EVIL, "[8]", "12") for _ in range(4)), ((0, 1), (1, 2), (0, 3))),
}


@pytest.mark.parametrize("drawing", DRAWINGS.values(), ids=DRAWINGS)
def test_a_drawing_is_whole_svg_of_its_own(drawing: Drawing) -> None:
    svg = str(plot(drawing, "p7"))
    tree = ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))
    assert tree.get("role") == "img"
    assert tree.get("aria-label") == f"{EVIL}. {EVIL}"
    assert "<script" not in svg
    assert "http" not in svg
    names = re.findall(r' id="([^"]+)"', svg)
    assert len(names) == len({*names})
    assert all(name.startswith("p7-") for name in names)
    assert {*re.findall(r'href="#([^"]+)"', svg), *re.findall(r"url\(#([^)]+)\)", svg)} <= {*names}
    assert not any(color in svg for color in VARIABLES)
    assert "var(--" in svg


def test_what_is_written_keeps_its_digits_while_coordinates_are_rounded() -> None:
    svg = str(plot(Lines("t", "", "x", "y", (Line("a", [0.0, 1.0], [0.86123, 0.86129]),)), "p1"))
    written = re.findall(r">([−\d.+e]+)</text>", svg)
    assert len({*written}) == len(written)
    assert not re.search(r' d="[^"]*\d\.\d{3}', svg)


def test_logarithmic_axes_have_plain_numbers() -> None:
    svg = str(plot(Lines("t", "", "step", "y", (Line("a", [0.0, 2700.0], [1e-4, 0.2]),), is_logarithmic=True), "p1"))
    assert "mathdefault" not in svg
    assert ">0.01</text>" in svg


def test_samples_are_a_table_and_no_drawing() -> None:
    with pytest.raises(TypeError, match="table"):
        plot(Samples("t", "", (), ()), "p1")


def test_lines_that_pass_by_boxes_do_not_share_a_lane_where_they_overlap() -> None:
    found = lanes([(0, 5), (1, 3), (3, 5), (0, 2)])
    assert found == {(0, 2): 0, (1, 3): 1, (3, 5): 0, (0, 5): 2}


def test_a_sixth_line_is_dashed_in_legend_and_drawing() -> None:
    drawing = Lines("t", "", "x", "y", tuple(Line(str(index), [1, 2], [1, 2]) for index in range(6)))
    assert [dashed for _, _, dashed in legend(drawing)] == [False] * 5 + [True]
    assert str(plot(drawing, "p1")).count("stroke-dasharray") == 1


def test_numbers_of_a_long_line_are_a_few_with_both_ends() -> None:
    [(label, pairs)] = points(Lines("t", "", "x", "y", (Line("a", list(range(500)), list(range(500))),)))
    assert label == "a"
    assert (pairs[0], pairs[-1]) == (("0", "0"), ("499", "499"))
    assert len(pairs) <= 13


def test_contributions_are_told_where_they_are_largest() -> None:
    shares = [0.0] * 40
    for place in (3, 9, 30):
        shares[place] = -1.0 / place
    found = strongest(Contributions("t", "", "rows", "load", range(40), (), shares))
    assert {3, 9, 30} <= {*found}
    assert found == sorted(found)
    assert len(found) == 12


def test_a_page_of_ours_is_known_by_its_run() -> None:
    assert owner_of('<meta name="generator" content="nntrain report" data-run="0ab">') == "0ab"
    assert owner_of("<html><body>my notes</body></html>") is None


def luminance(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_can_be_told_from_the_paper(repository: Path, scheme: int) -> None:
    style = (repository / "nntrain/insight/report/templates/style.css").read_text()
    colors = dict(re.findall(r"--([\w]+): (#\w{6})", style.split("prefers-color-scheme: dark")[scheme]))
    assert {*VARIABLES.values()} <= {f"--{name}" for name in colors}
    for name in ("ink", "muted", "link"):
        assert contrast(colors[name], colors["paper"]) >= 4.5
        assert contrast(colors[name], colors["soft"]) >= 4.5
    assert contrast(colors["ink"], colors["mark"]) >= 4.5
    assert all(contrast(colors[f"c{index}"], colors["paper"]) >= 3 for index in range(1, 11))
