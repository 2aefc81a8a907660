"""Articles and plurals of messages."""

from __future__ import annotations

import pytest

from nntrain.wording import number_of, percent, with_article


@pytest.mark.parametrize(
    ("noun", "told"),
    [("layer", "a layer"), ("optimizer", "an optimizer"), ("tags", "tags"), ("series", "a series"), ("lstm", "an lstm"), ("gru", "a gru")],
)
def test_articles(noun: str, told: str) -> None:
    assert with_article(noun) == told


def test_numbers_of_things() -> None:
    assert [number_of(count, "value") for count in (0, 1, 2, 1234)] == ["0 values", "1 value", "2 values", "1,234 values"]


def test_shares_are_percentages_with_a_space() -> None:
    assert [percent(0.18), percent(1), percent(0.0049, 1)] == ["18 %", "100 %", "0.5 %"]
