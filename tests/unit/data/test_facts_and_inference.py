import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.facts import facts_of_cells, facts_of_series, quoted
from nntrain.data.inference import guess_array, guess_values
from nntrain.data.numerals import Numerals

CELLS = st.one_of(
    st.none(),
    st.sampled_from(
        ["1", "2.0", "007", "-3", "+5", "1e5", ".5", "5.", "1_0", "0x1", "inf", "nan", "1e400", "a", "Yes", "1,5", "1.234,5", "-", "١"]
    ),
    st.integers(-30, 30).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)


@given(cells=st.lists(CELLS, min_size=1, max_size=40), comma=st.booleans(), thousands=st.booleans())
def test_the_peek_and_the_whole_column_see_the_same(cells, comma, thousands):
    numerals = Numerals("," if comma else ".", ("." if comma else ",") if thousands else None)
    series = pl.Series("x", cells, dtype=pl.String)
    assert facts_of_series(series, np.arange(len(cells)), numerals) == facts_of_cells(cells, numerals)


@pytest.mark.parametrize(
    ("numerals", "cell", "value"),
    [
        (Numerals(), "1.5", 1.5),
        (Numerals(), "1,5", None),
        (Numerals(","), "1,5", 1.5),
        (Numerals(","), "1.234", None),
        (Numerals(",", "."), "1.234,5", 1234.5),
        (Numerals(",", "."), "12.34", None),
        (Numerals(".", ","), "1,234,567.5", 1234567.5),
        (Numerals(), "1_000", None),
        (Numerals(), "inf", None),
    ],
)
def test_a_number_is_read_by_its_marks_or_not_at_all(numerals, cell, value):
    assert numerals.read(cell) == value
    assert numerals.read_all(pl.Series("x", [cell])).to_list() == [value]


def guess(cells, *, target=False, named=False):
    return guess_values(facts_of_cells(cells), is_target=target, is_named=named)


NUMBERS = [str(index * 1.5) for index in range(40)]


@pytest.mark.parametrize(
    ("cells", "target", "field_type"),
    [
        (NUMBERS, True, "number"),
        (NUMBERS, False, "number"),
        (["no", "yes"] * 5, True, "boolean"),
        (["no", "yes"] * 5, False, "boolean"),
        (["0", "1"] * 5, True, "boolean"),
        (["0", "1"] * 5, False, "number"),
        (["<=50K", ">50K"] * 5, True, "boolean"),
        (["<=50K", ">50K"] * 5, False, "category"),
        (["a", "b", "c"] * 5, True, "category"),
        ([str(index % 20) for index in range(100)], True, "category"),
        ([str(index % 21) for index in range(100)], True, "number"),
        ([str(index % 20) for index in range(100)], False, "number"),
        (["01067", "10115", "80331"] * 5, False, "category"),
        (["01067", "10115", "80331"] * 5, True, "category"),
        ([*NUMBERS, "k.A."], False, "number"),
        ([*NUMBERS, "k.A."], True, "number"),
        ([*NUMBERS[:5], "a", "b", "c"], False, "category"),
    ],
)
def test_types(cells, target, field_type):
    assert guess(cells, target=target).field.type == field_type


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["DE"] * 30, "always 'DE'"),
        ([None] * 30, "no values"),
        ([str(row + 1) for row in range(30)], "row numbers"),
        ([f"name {row}" for row in range(30)], "one value per row"),
        ([f"name {row // 1.5}" for row in range(60)], "40 values in 60 rows"),
    ],
)
def test_columns_without_information_are_left_out_unless_they_are_named(cells, reason):
    left_out = guess(cells)
    assert left_out.field is None
    assert left_out.note == reason
    assert guess(cells, named=True).field is not None


def test_two_words_of_a_target_say_which_is_true():
    found = guess(["Yes", "no", "yes", "No"] * 3, target=True).field
    assert (found.true, found.false) == (("Yes", "yes"), ("No", "no"))
    other = guess(["m", "w"] * 3, target=True)
    assert (other.field.false, other.field.true) == ("m", "w")
    assert other.note == "boolean (1 is w, 0 is m)   change: type: category"


def test_a_constant_start_of_a_longer_file_leaves_nothing_out():
    facts = facts_of_cells(["DE"] * 30, is_complete=False)
    assert guess_values(facts, is_target=False, is_named=False).field.type == "category"


@pytest.mark.parametrize(
    ("shape", "kind", "field_type"),
    [
        ((8,), "float", "vector"),
        ((8, 8), "uint8", "image"),
        ((8, 3), "float", "series"),
        ((3, 8, 8), "float", "image"),
        ((8, 8, 1), "uint8", "image"),
    ],
)
def test_types_of_arrays(shape, kind, field_type):
    assert guess_array(shape, kind).field.type == field_type


def test_arrays_that_no_type_reads():
    assert guess_array((2, 2), "text") is None
    assert guess_array((2, 2, 2, 2), "float") is None


@pytest.mark.parametrize(
    ("cells", "doubt"),
    [
        (
            ["$1,234.50", "$999.00", "$12,000.00"] * 10,
            "'$1,234.50', '$999.00', '$12,000.00' may be numbers   fix: type: number, strip: '$', data.source.thousands: ','",
        ),
        (["12.3%", "4%"] * 9, "'12.3%', '4%' may be numbers   fix: type: number, strip: '%'"),
        (["12,3 kg", "4,25 kg"] * 9, "'12,3 kg', '4,25 kg' may be numbers   fix: type: number, strip: ' kg', data.source.decimal: ','"),
        (
            ["1.234,5", "2.000,75"] * 9,
            "'1.234,5', '2.000,75' may be numbers   fix: type: number, data.source.thousands: '.', data.source.decimal: ','",
        ),
        (
            ["1.5", "2.5", "k.A."] * 10,
            "20 of 30 values are numbers, and 'k.A.' are not   "
            "numbers? type: number, and all words for no value in data.source.missing   text? type: category",
        ),
        (["1st", "2nd", "3rd"] * 9, None),
        (["007", "12%"] * 9, None),
        (["a", "b", "1"] * 9, None),
        (["1", "2"] * 9, None),
    ],
)
def test_what_may_be_numbers_is_told(cells, doubt):
    assert guess(cells).doubt == doubt
    assert guess(cells, target=True).doubt == doubt


def test_long_cells_are_shown_in_part():
    assert quoted("x" * 100) == f"'{'x' * 39}…'"
    assert quoted("12 kg") == "'12 kg'"
