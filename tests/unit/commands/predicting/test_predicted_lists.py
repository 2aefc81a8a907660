"""Several values a row in a table: a column each, or one cell where rows have different numbers of them."""

from nntrain.commands.predicting.predict import prediction_columns
from nntrain.data.forms.cells import split_lists
from nntrain.tasks.task import Decoded


def test_as_many_values_in_each_row_are_a_column_each():
    assert split_lists([[1.0, 2.0], [3.0, 4.0]], "low") == {"low_0": (1.0, 3.0), "low_1": (2.0, 4.0)}


def test_rows_of_different_lengths_are_one_cell():
    assert split_lists([[1.5], [2.0, 3.25], []], "low") == {"low": ["1.5", "2.0 3.25", ""]}


def test_the_words_of_a_row_stand_in_one_cell():
    found = Decoded(("B", "O", "O"), {"B": (0.9, 0.1, 0.2)}).by_row([1, 2])
    assert prediction_columns({"tags": found}) == {"prediction": ["B", "O O"]}
