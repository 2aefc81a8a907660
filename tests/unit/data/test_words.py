"""Words of arrays are those that the same values have as text, whatever the type of the array."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from nntrain.data import words
from nntrain.data.fields.category import Category
from nntrain.data.fields.ordinal import Ordinal
from nntrain.data.table import Table, text_of_array
from nntrain.data.words import Coded, are_missing, counts_of, places_in, words_in, words_of_array
from nntrain.errors import DataError

ARRAYS = {
    "small": np.array([3, 1, 2, 1, 7, 3], dtype=np.int8),
    "from end to end": np.array([-128, 127, 0, 127], dtype=np.int8),
    "far apart": np.array([5, -(2**62), 2**62 + 3, 5]),
    "above int64": np.array([2**64 - 1, 3, 2**64 - 1], dtype=np.uint64),
    "near the end": np.array([2**64 - 1, 2**64 - 2, 2**64 - 1], dtype=np.uint64),
    "truth": np.array([True, False, True]),
    "whole floats": np.array([2.0, -0.0, np.nan, 0.0, 10.0], dtype=np.float32),
    "floats": np.array([0.1, 2.0, 1e-7, np.nan, np.inf, 1e300, 2.0]),
    "large floats": np.array([2.0**63, 2.0**62, 1.0]),
    "text": np.array([" a", "b", "", "a ", "b"]),
    "bytes": np.array([b"\xe9", b" x", b"", b"x"]),
    "one": np.array([4]),
}


@pytest.fixture(params=[7, 2**16])
def portion(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "COUNTED", request.param)


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.usefixtures("portion")
def test_words_of_an_array_are_its_texts(array: np.ndarray) -> None:
    texts, coded = text_of_array("a", array), words_of_array("a", array)
    assert coded.to_list() == texts.to_list() == [coded[row] for row in range(len(coded))]
    assert counts_of(coded) == counts_of(texts)
    assert {*words_in(coded)} == {*words_in(texts)}
    assert are_missing(coded).tolist() == texts.is_null().to_list()
    asked = [*sorted(words_in(texts))[::-2], "none such"]
    assert places_in(coded, asked).tolist() == places_in(texts, asked).tolist()
    rows = np.array([len(array) - 1, 0, 0])
    assert coded[rows].to_list() == texts[rows].to_list()
    present = ~are_missing(coded)
    ranks = coded.ranks[present]
    assert np.array_equal(np.unique(ranks, return_inverse=True)[1], texts.drop_nulls().rank("dense").to_numpy() - 1)


@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
@pytest.mark.parametrize("is_target", [True, False])
def test_a_category_learns_and_encodes_the_same_of_both(array: np.ndarray, *, is_target: bool) -> None:
    texts, coded = text_of_array("a", array), words_of_array("a", array)
    field = Category(min_count=2, drop=("1", "x"))
    state = field.fit(texts, is_target=is_target)
    assert field.fit(coded, is_target=is_target) == state
    one, other = (field.encode(values, state, is_target=is_target) for values in (texts, coded))
    assert one.values.dtype == other.values.dtype == np.int64
    assert np.array_equal(one.values, other.values)
    assert one.unknown is not None
    assert other.unknown is not None
    assert np.array_equal(one.unknown, other.unknown)
    dropped = [field.is_dropped(values) for values in (texts, coded)]
    assert dropped[0] is not None
    assert dropped[1] is not None
    assert dropped[0].tolist() == dropped[1].tolist()
    assert field.grid(texts, state, 3).cells == field.grid(coded, state, 3).cells
    new = Category(unknown="class")
    assert np.array_equal(new.encode(texts, state, is_target=True).values, new.encode(coded, state, is_target=True).values)


def test_words_that_training_never_showed_are_named_once() -> None:
    field = Category(unknown="error")
    state = field.fit(Coded.of(["a", "b"]), is_target=True)
    for values in (Coded.of(["a", "d", None, "c", "d"]), pl.Series(["a", "d", None, "c", "d"])):
        with pytest.raises(DataError, match="never showed 'd', 'c', and"):
            field.encode(values, state, is_target=False)


def test_an_ordinal_of_an_array_is_ordered_by_its_numbers() -> None:
    values = Table("a.npz", {"y": np.array([10, 9, 2, 10])}, 4).words("y")
    assert isinstance(values, Coded)
    assert Ordinal().fit(values, is_target=True)["classes"] == ["2", "9", "10"]


def test_a_missing_word_is_told_where_none_may_be() -> None:
    table = Table("a.npz", {"y": np.array([1.0, np.nan])}, 2)
    with pytest.raises(DataError, match="y is missing in row 1, and missing: error"):
        Category(missing="error").read(table, ("y",))
