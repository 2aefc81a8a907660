"""Rows from Python that are none are told in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nntrain.commands.python.frames import table_of
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError

SOURCE = DataSettings.parse({"source": "t.csv", "target": "y"}).source


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([1.0, 2.0], "item 0 is of type float"),
        ([{"x": 1}, [2]], "item 1 is of type list"),
        (["ab"], "item 0 is of type str"),
        ({"x": 1.5, "z": 2}, "column x is of type float"),
        ({"x": [1], "z": "word"}, "column z is of type str"),
        ({"x": np.array(1.0)}, "column x is of type ndarray"),
        (np.zeros((2, 3)), "rows are of type ndarray, which has no columns"),
        (7, "rows are of type int"),
        (None, "rows are of type NoneType"),
        ("abc", "rows are of type str"),
        ([], "there are no rows"),
        ({}, "there are no rows"),
        ({"x": []}, "there are no rows"),
    ],
)
def test_what_holds_no_rows(rows: Any, found: str) -> None:
    with pytest.raises(DataError, match=found):
        table_of(rows, SOURCE)


@pytest.mark.parametrize("rows", [[{"x": 1}, {"x": 2}], ({"x": 1}, {"x": 2}), {"x": (1, 2)}, {"x": np.array([1, 2])}, {"x": range(1, 3)}])
def test_rows(rows: Any) -> None:
    table = table_of(rows, SOURCE)
    assert table.rows == 2
    assert table.texts("x").to_list() == ["1", "2"]
