from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.commands.screens.figures import (
    bar,
    format_bytes,
    format_clock,
    format_number,
    format_seconds,
    format_signed,
    format_spread,
    sparkline,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0"),
        (-0.0, "0"),
        (1.0, "1.000"),
        (0.98123, "0.9812"),
        (-0.98123, "-0.9812"),
        (371.24, "371.2"),
        (999.94, "999.9"),
        (999.96, "1,000"),
        (1204.6, "1,205"),
        (-12345.6, "-12,346"),
        (12345678.0, "1.235e+07"),
        (0.0001234, "0.0001234"),
        (0.00001234, "1.234e-05"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_format_number_gives_four_significant_digits(value: float | None, text: str) -> None:
    assert format_number(value) == text


@given(st.floats(-1e300, 1e300))
def test_format_number_is_within_half_a_unit_of_the_fourth_digit(value: float) -> None:
    assert float(format_number(value).replace(",", "")) == pytest.approx(value, rel=5.01e-4, abs=1e-320)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3599.7, "1 h 00 min"),
        (11220, "3 h 07 min"),
        (187_200, "2 d 04 h"),
    ],
)
def test_format_seconds_takes_two_units_at_most(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(-3, "0:00"), (0.4, "0:00"), (38, "0:38"), (59.6, "1:00"), (3723, "1:02:03")])
def test_format_clock_shows_hours_only_where_there_are_some(seconds: float, text: str) -> None:
    assert format_clock(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (592_900, "593 kB"), (999_600, "1.0 MB"), (21_400_000_000, "21 GB")],
)
def test_format_bytes_counts_in_thousands(size: int, text: str) -> None:
    assert format_bytes(size) == text


def test_sparkline_draws_low_values_low() -> None:
    assert sparkline([8.0, 4.0, 2.0, 1.0], 8) == "█▄▂▁"


def test_sparkline_of_equal_values_is_flat() -> None:
    assert sparkline([3.0, 3.0], 8) == "▄▄"


def test_sparkline_leaves_a_gap_for_undefined_values() -> None:
    assert sparkline([1.0, None, math.nan, 0.0], 8) == "█  ▁"


@pytest.mark.parametrize("values", [[], [None], [math.nan, None]])
def test_sparkline_without_values_is_empty(values: list[float | None]) -> None:
    assert sparkline(values, 8) == ""


def test_sparkline_of_many_values_ends_with_the_last() -> None:
    assert sparkline([float(value) for value in range(1000)] + [-1.0], 4).endswith("▁")


@given(st.lists(st.none() | st.floats(-1e300, 1e300), max_size=60), st.integers(0, 20))
def test_sparkline_is_never_wider_than_asked(values: list[float | None], width: int) -> None:
    assert len(sparkline(values, width)) <= width


@pytest.mark.parametrize(
    ("fraction", "drawn"), [(-1.0, "    "), (0.0, "    "), (0.13, "╸   "), (0.5, "━━  "), (0.9, "━━━╸"), (1.0, "━━━━"), (2.0, "━━━━")]
)
def test_bar_fills_in_half_characters(fraction: float, drawn: str) -> None:
    assert bar(fraction, 4) == drawn


@pytest.mark.parametrize("seconds", [math.inf, -math.inf, math.nan])
def test_a_duration_that_is_not_finite_is_a_dash(seconds: float) -> None:
    assert format_seconds(seconds) == format_clock(seconds) == "-"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.00213, 2, "0.0021"), (3e-5, 1, "3e-05"), (2_134.0, 1, "2,000"), (1_234.0, 2, "1,200"), (9.96, 1, "10"), (0.0, 1, "0")],
)
def test_a_spread_has_few_digits(value: float, digits: int, text: str) -> None:
    assert format_spread(value, digits) == text


def test_a_difference_has_its_sign() -> None:
    assert [format_signed(value) for value in (0.0302, -96_900.0, 0.0)] == ["+0.03020", "-96,900", "0"]
