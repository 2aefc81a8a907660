"""Fields over any values: what is encoded comes back, what is missing or new is never NaN, and the state is all that is needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.batches import plain_batches
from nntrain.data.fields.field import Field
from nntrain.data.fitted import FittedFields
from nntrain.data.layout import FieldPlan, Role
from nntrain.data.numerals import POINT
from nntrain.data.reading import header_of
from nntrain.data.settings import FIELDS, DataSettings, FieldSlot
from nntrain.data.table import Table
from nntrain.data.values import read_values
from nntrain.errors import DataError

Cells = list[Any]

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters="|;,"), min_size=1, max_size=5)
NUMBERS = st.floats(-1e6, 1e6).map(lambda value: round(value, 4)) | st.integers(-1000, 1000).map(float)
DATES = st.dates().map(lambda day: f"{day.year:04d}-{day.month:02d}-{day.day:02d}")


def fitted(tag: str, cells: Cells, role: Role, **options: Any) -> tuple[FittedFields, Table]:
    made = FieldSlot("field type", (FIELDS,)).validate({"type": tag, **options})
    assert isinstance(made, Field)
    table = table_of(cells)
    spec = made.plan_spec("f", [header_of(table).column("f")], is_target=role == "target")
    plan = FieldPlan("f", made.settled(table, ("f",)), ("f",), role, None, spec, made.class_names)
    return FittedFields.fit((plan,), read_values((plan,), table), np.arange(table.rows), "t"), table


def table_of(cells: Cells) -> Table:
    return Table.of_cells({"f": cells}, frozenset({""}), POINT, "t")


def decoded(tag: str, cells: Cells, **options: Any) -> list[Any]:
    """The cells through the network's numbers and back, by fields that were saved and restored."""
    fields, table = fitted(tag, cells, "target", **options)
    again = FittedFields.restore(DataSettings.parse({"source": "t.csv"}), fields.state())
    data = again.encode(table, with_targets=True)
    assert data.rows.tolist() == list(range(len(cells)))
    return again.targets["f"].decode(data.target("f"))


@given(st.lists(WORDS, min_size=2, max_size=20))
def test_words_come_back(cells: list[str]) -> None:
    assert decoded("category", cells) == cells


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3, unique=True), min_size=2, max_size=12))
def test_labels_come_back(rows: list[list[str]]) -> None:
    assert [sorted(row) for row in decoded("multi_label", ["|".join(row) for row in rows])] == [sorted(row) for row in rows]


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=20))
def test_levels_come_back(cells: list[int]) -> None:
    assert decoded("ordinal", cells) == [str(cell) for cell in cells]


@given(st.lists(NUMBERS, min_size=2, max_size=20), st.sampled_from(["standard", "robust", "minmax", "none", "power", "quantile"]))
def test_numbers_come_back_to_float32_of_their_spread(cells: list[float], normalize: str) -> None:
    found = decoded("number", cells, normalize=normalize)
    widest = max(abs(cell) for cell in cells)
    np.testing.assert_allclose(found, cells, rtol=1e-5, atol=1e-5 * max(widest, 1e-30))


SHOWN: dict[str, st.SearchStrategy[Any]] = {"number": NUMBERS, "category": WORDS, "ordinal": st.integers(-5, 5), "date": DATES}


@given(st.sampled_from(sorted(SHOWN)), st.data())
def test_missing_and_unseen_inputs_are_numbers(tag: str, data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.none() | SHOWN[tag], min_size=3, max_size=15))
    others = data.draw(st.lists(st.none() | SHOWN[tag], min_size=1, max_size=15))
    if all(cell is None for cell in cells) or all(cell is None for cell in others):
        return
    try:
        fields, _ = fitted(tag, cells, "input", **({"format": "%Y-%m-%d"} if tag == "date" else {}))
        again = FittedFields.restore(DataSettings.parse({"source": "t.csv"}), fields.state())
        found = [each.encode(table_of(others), with_targets=False) for each in (fields, again)]
    except DataError:  # such as words among numbers' worth of cells: told, never misread
        return
    one, two = (next(plain_batches(rows, len(others))).inputs for rows in found)
    assert one.keys() == two.keys()
    for name, values in one.items():
        assert len(values) == len(others)
        assert bool(torch.isfinite(values.double()).all())
        assert torch.equal(values, two[name])
