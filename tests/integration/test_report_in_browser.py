"""A report in a real browser: nothing is reported as wrong, nothing is loaded, and a phone shows it without scrolling sideways."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nntrain.data.exhibits import MarkedText, Words, picture_of, sound_of, spectrum_of
from nntrain.insight.report.content import Code, Figures, Folded, Gallery, Page, Paragraph, Section, Table, Things, Value
from nntrain.insight.report.page import render
from nntrain.tasks.drawings import Bars, Box, Contributions, Counts, Line, Lines, Mark, Network, Points, Samples

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
MORE_FLAGS = ("--disable-component-update", "--disable-sync")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
LONG = "a_name_that_is_much_longer_than_a_phone_is_wide_and_has_no_blank_in_it_at_all"


def page() -> Page:
    """One of everything, with long names."""
    import numpy as np

    picture, spectrum = picture_of(np.zeros((8, 8, 3), dtype=np.uint8), "black"), spectrum_of(np.ones((60, 40), dtype=np.float32))
    sound = sound_of(np.zeros(800, dtype=np.float32), 8000, spectrum)
    lines = Lines(
        "Loss",
        "It falls.",
        "epoch",
        "loss",
        tuple(Line(f"{LONG}{index}", [1, 2, 3], [1, 0.5, index]) for index in range(7)),
        (Mark("best", 2),),
    )
    counts = Counts("Confusion matrix", "All right.", (LONG, "b"), ((4, 0), (1, 2)))
    points = Points("True against predicted", "", LONG, "y", [1.0, 2.0], [1.0, 2.0], "diagonal")
    boxes = tuple(Box(f"{LONG}.{index}", "linear 8", "[8]", "72 parameters") for index in range(3))
    samples = Samples("Texts", "", ("true", "answered"), ((Words("word " * 60, is_long=True), Words("word", is_long=True)),))
    table = Table(LONG, tuple(f"column {index}" for index in range(20)), (tuple([LONG] * 19 + [picture]),), left=20)
    blocks = (
        Paragraph(f"It is {LONG}.", is_lead=True),
        Things((("Do this.", LONG, f"{LONG}=0.2"),)),
        table,
        Figures((lines, counts, points, samples, Network("Network", "", boxes, ((0, 1), (1, 2), (0, 2))))),
        Gallery("cases", ((picture, LONG), (sound, LONG))),
        Gallery("explained", ((picture, LONG), (picture, LONG)), is_wide=True),
        Table("Words", ("answer", "text"), ((LONG, MarkedText((LONG, "b", "c"), (1.0, -0.5, 0.0), (0.5, -0.2, 0.0))),), left=2),
        Figures(
            (
                Contributions(LONG, "", "rows", LONG, (-1, 0), (1.0, 2.0), (0.1, -0.1)),
                Bars(LONG, "", (LONG, "b"), (1.0, -1.0), is_signed=True),
            )
        ),
        Code("all", f"{LONG}: {LONG}"),
        Folded("More", (Paragraph(LONG),)),
    )
    return Page(LONG, LONG, "0", (Section("summary", LONG, blocks), Section("data", "Data", (Paragraph("None."),))))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="needs pip install playwright")
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as driver:
        folder = tmp_path_factory.mktemp("browser")
        context = driver.chromium.launch_persistent_context(folder, executable_path=program, args=[*FLAGS, *MORE_FLAGS], headless=True)
        yield context
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_is_quiet_and_fits_a_phone(browser: Any, tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(render(page()), encoding="utf-8")
    tab = browser.new_page()
    told: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: told.append(message.text))
    tab.on("pageerror", lambda error: told.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.emulate_media(color_scheme=scheme)
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(path.as_uri())
    assert told == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    assert tab.evaluate("[...document.querySelectorAll('svg')].every(svg => svg.getBoundingClientRect().right <= 390)")
    ink, paper = tab.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.documentElement).backgroundColor]")
    assert (light(paper) > light(ink)) == (scheme == "light")
    written = tab.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    assert contrast(written, paper) >= 4.5
    tab.close()


def test_a_click_sorts_a_table_by_its_values(browser: Any, tmp_path: Path) -> None:
    rows = tuple((name, Value(text, key)) for name, text, key in (("b", "1 kB", 1000.0), ("a", "900 B", 900.0), ("c", "", None)))
    table = Table("Runs", ("run", "size"), rows, is_sortable=True)
    path = tmp_path / "runs.html"
    path.write_text(render(Page("Runs", "", "", (Section("runs", "Runs", (table,)),))), encoding="utf-8")
    tab = browser.new_page()
    told: list[str] = []
    tab.on("console", lambda message: told.append(message.text))
    tab.goto(path.as_uri())
    shown = "[...document.querySelectorAll('tbody th')].map(cell => cell.textContent).join('')"
    assert tab.evaluate(shown) == "bac"
    tab.click("thead th:nth-child(2) button")
    assert tab.evaluate(shown) == "abc"
    tab.click("thead th:nth-child(2) button")
    assert tab.evaluate(shown) == "cba"
    tab.click("thead th:nth-child(1) button")
    assert tab.evaluate(shown) == "abc"
    tab.fill("input", "B 9")
    visible = "[...document.querySelectorAll('tbody tr')].filter(row => !row.hidden).map(row => row.cells[0].textContent).join('')"
    assert tab.evaluate(visible) == "a"
    assert tab.inner_text("[role=status]") == "1 of 3"
    tab.fill("input", "")
    assert tab.evaluate(visible) == "abc"
    assert told == []
    tab.close()


def channels(color: str) -> list[float]:
    """Red, green and blue of `rgb(1, 2, 3)`, in [0, 1]."""
    return [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]


def light(color: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in channels(color)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast of two colours (WCAG 2.2)."""
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
