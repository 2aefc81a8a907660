"""Marks in the numbers of new rows that the training file never showed."""

from __future__ import annotations

import pytest

from nntrain.data.marks import decide, shown_by
from nntrain.data.numerals import Numerals
from nntrain.errors import DataError


def marks(*cells: str, delimiter: str, like: Numerals) -> Numerals:
    return decide(shown_by([cells]), decimal=None, thousands=None, like=like, delimiter=delimiter, name="new.csv")


def test_a_comma_between_semicolons_is_not_taken_for_thousands() -> None:
    with pytest.raises(DataError, match="commas in numbers can be read in two ways"):
        marks("1,234", "2,345", delimiter=";", like=Numerals(".", None))


def test_what_the_training_file_or_other_cells_show_decides() -> None:
    assert marks("1,234", delimiter=";", like=Numerals(",", None)).decimal == ","
    assert marks("1,234", delimiter=";", like=Numerals(".", ",")).thousands == ","
    assert marks("1,234", "1,5", delimiter=";", like=Numerals(".", None)).decimal == ","
    assert marks("1,234", delimiter=",", like=Numerals(".", None)).thousands == ","
