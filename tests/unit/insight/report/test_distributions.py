"""Columns in a few words and a small drawing."""

from __future__ import annotations

import numpy as np

from nntrain.insight.report.distributions import BINS, of_dates, of_numbers, of_texts
from nntrain.tasks.drawings import Bars, Histogram


def test_numbers_have_a_range_and_a_histogram() -> None:
    found = of_numbers("area", np.array([1.0, 2.0, 3.0, np.nan]))
    assert found.words == "1 to 3, half up to 2"
    assert isinstance(found.drawing, Histogram)
    assert (len(found.drawing.counts), sum(found.drawing.counts)) == (BINS, 3)


def test_numbers_that_never_change_and_columns_without_values_have_none() -> None:
    assert of_numbers("x", np.array([5.0, 5.0])).words == "always 5"
    assert of_numbers("x", np.array([np.nan])).words == of_texts("x", [None]).words == "no value"


def test_dates_are_told_to_the_day_and_within_some_days_to_the_minute() -> None:
    days = np.array(["2024-01-31", "2024-02-29", "2024-12-01", "NaT"], dtype="datetime64[s]")
    seconds = np.where(np.isnat(days), np.nan, days.astype(np.float64))
    assert of_dates("sold", seconds).words == "2024-01-31 to 2024-12-01, half up to 2024-02-29"
    assert isinstance(of_dates("sold", seconds).drawing, Histogram)
    assert of_dates("sold", seconds[:1]).words == "always 2024-01-31 00:00"
    assert of_dates("sold", np.array([0.0, 90.0, 600.0])).words == "1970-01-01 00:00 to 1970-01-01 00:10, half up to 1970-01-01 00:01"
    assert of_dates("sold", np.array([np.nan])).words == "no value"


def test_values_that_come_again_are_named_by_their_share() -> None:
    found = of_texts("town", ["A", "A", "B", None])
    assert found.words == "2 values: A 66.7 %, B 33.3 %"
    assert isinstance(found.drawing, Bars)
    assert found.drawing.values == (2.0, 1.0)


def test_texts_are_told_by_their_length() -> None:
    found = of_texts("review", [f"word {'more ' * index}" for index in range(40)])
    assert found.words == "40 different; 20.5 words on average"
    assert isinstance(found.drawing, Histogram)
