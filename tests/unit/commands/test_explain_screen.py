"""The screen of `nntrain explain`."""

from __future__ import annotations

import pytest

from nntrain.commands import explain_screen
from nntrain.commands.explain_screen import COLOUR
from nntrain.data.highlights import MarkedWords
from nntrain.insight.explanation import Share


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
