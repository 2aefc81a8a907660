"""A page as HTML: one file that loads nothing and may be read by day and by night, on a screen and on a phone.

Reports run no script. A table that can be sorted has one, which the page allows by its digest, and no other.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from itertools import count
from typing import Any, Final, cast

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from nntrain.data.exhibits import Picture, Sound
from nntrain.insight.report.content import Page, Sparkline, Table
from nntrain.insight.report.plots import is_dashed, plot
from nntrain.insight.report.svg import SERIES
from nntrain.tasks.drawings import Contributions, Drawing, Lines

GENERATOR: Final = "nntrain report"
MOST_TOLD: Final = 12
"""Points of a line that its table has."""
_ALLOWED: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"


def render(page: Page) -> str:
    """The file's text."""
    environment = Environment(
        loader=PackageLoader("nntrain.insight.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    numbers = count(1)

    def svg(drawing: Drawing) -> Markup:
        return plot(drawing, f"p{next(numbers)}")

    known: dict[str, Any] = {
        "svg": svg,
        "breakable": breakable,
        "data_uri": data_uri,
        "legend": legend,
        "points": points,
        "polyline": polyline,
        "strongest": strongest,
    }
    cast("dict[str, Any]", environment.globals).update(known)
    script, allowed = Markup(), _ALLOWED
    if any(isinstance(block, Table) and block.is_sortable for section in page.sections for block in section.blocks):
        script = Markup(environment.get_template("sorting.js").render())  # noqa: S704 (our own, and nothing is put into it)
        allowed += f"; script-src 'sha256-{base64.b64encode(sha256(script.encode()).digest()).decode()}'"
    return environment.get_template("page.html.jinja").render(page=page, generator=GENERATOR, allowed=allowed, script=script)


def owner_of(text: str) -> str | None:
    """The run that a page is of, by its id; `None` for what is no page of ours."""
    found = re.search(rf'<meta name="generator" content="{GENERATOR}" data-run="([0-9a-f]*)">', text)
    return None if found is None else found[1]


def breakable(name: str) -> Markup:
    """A name that may go on in a new line behind its dots and underscores, where a narrow screen would cut a word."""
    return Markup(re.sub(r"(?<=[A-Za-z0-9])[._](?=[A-Za-z])", r"\g<0><wbr>", str(escape(name))))  # noqa: S704 (escaped)


def data_uri(exhibit: Picture | Sound) -> str:
    """A picture or a sound as an address that holds it."""
    media = exhibit.media if isinstance(exhibit, Picture) else "audio/wav"
    return f"data:{media};base64,{base64.b64encode(exhibit.content).decode()}"


def legend(drawing: Drawing) -> list[tuple[str, str, bool]]:
    """Of several lines, or a single one that is not all there is to be seen: variable of the colour, label, whether it is dashed."""
    if not isinstance(drawing, Lines):
        return []
    return [
        (f"--c{place % len(SERIES) + 1}", line.label, is_dashed(place, wanted=line.is_dashed)) for place, line in enumerate(drawing.lines)
    ]


def points(drawing: Lines) -> list[tuple[str, list[tuple[str, str]]]]:
    """A few points of each line, in numbers, for who does not see it."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for line in drawing.lines:
        pairs: list[tuple[Any, Any]] = list(zip(line.x, line.y, strict=True))
        step = max(1, -(-(len(pairs) - 1) // (MOST_TOLD - 1)))
        kept = [*pairs[:-1:step], *pairs[-1:]]
        found.append((line.label, [(f"{x:.4g}", f"{y:.4g}") for x, y in kept]))
    return found


def strongest(drawing: Contributions) -> list[int]:
    """The places with the largest shares, in their order."""
    ranked = sorted(range(len(drawing.shares)), key=lambda place: -abs(drawing.shares[place]))
    return sorted(ranked[:MOST_TOLD])


def polyline(spark: Sparkline) -> str:
    """A small curve as points within a box of 100 by 24."""
    low, high = min(spark.values), max(spark.values)
    across, up = max(1, len(spark.values) - 1), (high - low) or 1.0
    found = [f"{100 * place / across:.0f},{22 - 20 * (value - low) / up:.0f}" for place, value in enumerate(spark.values)]
    return " ".join(found if len(found) > 1 else [*found, f"100,{found[0].partition(',')[2]}"])
