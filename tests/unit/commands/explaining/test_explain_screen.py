"""The screen of `nntrain explain`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from nntrain.commands.explaining import explain_screen
from nntrain.commands.explaining.explain import file_names
from nntrain.commands.explaining.explain_screen import COLOUR
from nntrain.data.highlights import MarkedWords
from nntrain.insight.columns import Dependence, Importance, Importances
from nntrain.insight.explanation import ExplainedRow, Explanation, Share

if TYPE_CHECKING:
    from nntrain.commands.stored.opening import Stored


def test_a_text_in_colours_fills_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    words = tuple(f"word{index}" for index in range(40))
    share = Share("text", None, 1.0, MarkedWords(words, tuple([1.0, -1.0] * 20)))
    screens: list[list[str]] = []
    for has_colours in (False, True):
        monkeypatch.setattr(explain_screen, "has_colours", lambda found=has_colours: found)
        screens.append(explain_screen._marked(share))  # pyright: ignore[reportPrivateUsage]
    plain, coloured = screens
    shown = [COLOUR.sub("", line) for line in coloured]
    assert coloured != shown
    assert max(map(len, [*plain, *shown])) <= 80
    assert min(map(len, [*plain[:-1], *shown[:-1]])) > 70
    assert " ".join(" ".join(shown).split()) == f"text: {' '.join(words)}"


def test_columns_that_look_alike_have_pictures_of_their_own() -> None:
    names = file_names({"a b", "a_b", "A_B", "a-b", "é"})
    assert names["A_B"] == "A_B"
    assert names["a-b"] == "a-b"
    assert len({name.casefold() for name in names.values()}) == 5
    assert names == file_names(["é", "A_B", "a-b", "a_b", "a b"])


def test_no_line_is_wider_than_a_screen() -> None:
    """The widest there is: long names, cells, classes and numbers in each of the tables."""
    name, cell, metric = "a_column_with_a_long_name", "a long cell of a table too", "target.a_metric_with_a_long_name"
    importances = Importances(metric, -123456.7, 5000, 5, tuple(Importance(f"{name}_{place}", -1234.567, 123.4) for place in range(12)))
    means = {f"class {place} {cell}": (0.123456, 0.654321) for place in range(3)}
    curves = (Dependence(name, (cell, f"{cell}!"), False, means, 500), Dependence(name, (-1234567.0, 1234567.0), True, means, 500))
    row = ExplainedRow(123456, "line 1234567", cell, 0.123456, 0.654321, tuple(Share(name, cell, -0.123456) for _ in range(12)), 1e-6)
    found = Explanation("runs/r/0001", "validation", 5000, "y", True, "occlusion", importances, curves, (row,), None)
    screen = explain_screen.explain_screen(cast("Stored", SimpleNamespace(state_words="step 1")), found)
    assert max(map(len, screen.splitlines())) <= 80
    assert screen.count("a_col") == 22
