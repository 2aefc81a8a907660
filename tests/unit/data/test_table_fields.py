"""Fields of tables beyond numbers and categories: dates, ordinals, several labels in a cell; what is told of a column."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nntrain.data.dates import TwoReadings, find_format
from nntrain.data.facts import facts_of_cells
from nntrain.data.fields.boolean import Boolean
from nntrain.data.fields.date import Date
from nntrain.data.fields.multi_label import MultiLabel
from nntrain.data.fields.number import Number
from nntrain.data.fields.ordinal import Ordinal
from nntrain.data.inference import guess_values
from nntrain.data.numerals import POINT
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import DataError

reference: Any = pytest.importorskip("sklearn.preprocessing", reason="needs scikit-learn: pip install 'nntrain[baselines]'")


def table(*cells, **options):
    return Table("t.csv", Table.of_cells({"a": list(cells)}, frozenset({""}), POINT).columns, len(cells), **options)


@pytest.mark.parametrize(
    ("cells", "written"),
    [
        (["2024-01-31", "2024-12-01"], "%Y-%m-%d"),
        (["2024/1/3"], "%Y/%m/%d"),
        (["2024-01"], "%Y-%m"),
        (["1.2.2024", "31.12.2024"], "%d.%m.%Y"),
        (["1.2.2024", "2.3.2024"], "%d.%m.%Y"),
        (["01/02/2024", "31/12/2024"], "%d/%m/%Y"),
        (["01/02/2024", "12/31/2024"], "%m/%d/%Y"),
        (["01-02-24", "31-12-24"], "%d-%m-%y"),
        (["2024-01-31 10:30"], "%Y-%m-%d %H:%M"),
        (["2024-01-31T10:30:00Z"], "%Y-%m-%dT%H:%M:%S%z"),
        (["31.12.2024 10:30:15.5"], "%d.%m.%Y %H:%M:%S%.f"),
        (["2024-13-01"], None),
        (["32/01/2024"], None),
        (["13/01/2024", "01/13/2024"], None),
        (["2024-01-31", "31.01.2024"], None),
        (["2024-01-31", "soon"], None),
        (["1.5", "2.5"], None),
        ([], None),
    ],
)
def test_formats_of_dates(cells, written):
    assert find_format(cells) == written


def test_day_and_month_that_can_be_read_in_two_ways_are_an_error_with_both_lines():
    found = find_format(["03/04/2024", "05/06/2024"])
    assert isinstance(found, TwoReadings)
    for reading in (Date().read, Date().settled):
        with pytest.raises(DataError) as caught:
            reading(table("03/04/2024", "05/06/2024"), ("a",))
        assert caught.value.message == (
            "t.csv: a: dates can be read in two ways: is '03/04/2024' day 3 of month 4, or the other way round?"
        )
        assert "data.fields.a: {type: date, format: '%d/%m/%Y'}   reads the day first" in caught.value.hint
        assert "data.fields.a: {type: date, format: '%m/%d/%Y'}   reads the month first" in caught.value.hint
    day, month = (Date(format=written).read(table("03/04/2024"), ("a",)) for written in ("%d/%m/%Y", "%m/%d/%Y"))
    assert np.datetime64(int(day[0]), "s") == np.datetime64("2024-04-03")
    assert np.datetime64(int(month[0]), "s") == np.datetime64("2024-03-04")
    said = table("03/04/2024", date_format="%d/%m/%Y")
    assert Date().settled(said, ("a",)).format == "%d/%m/%Y"
    assert Date().read(said, ("a",)).tolist() == day.tolist()


def test_the_parts_of_dates():
    cells = ["2024-01-01 00:00", "2024-07-01 06:00", "2025-01-01 12:00"]
    field = Date()
    values = field.read(table(*cells), ("a",))
    state = field.fit(values, is_target=False)
    assert state["parts"] == ["year", "month", "weekday", "hour"], "the day of the month never changes"
    found = field.encode(values, state, is_target=False).values
    year = np.array([2024, 2024, 2025])
    month, weekday, hour = np.array([0, 6, 0]) / 12, np.array([0, 0, 2]) / 7, np.array([0, 6, 12]) / 24
    rounds = [wave(2 * np.pi * part) for part in (month, weekday, hour) for wave in (np.sin, np.cos)]
    seconds = np.array([0, 182.25, 366.5]) / 366.5
    wanted = np.stack([(year - year.mean()) / year.std(), *rounds, seconds], axis=1)
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert field.fitted_spec(state, is_target=False).sizes == (8,)


def test_a_missing_date_is_the_mean_and_a_wrong_one_is_named():
    field = Date(format="%Y-%m-%d")
    values = field.read(table("2024-01-01", None, "2024-03-01"), ("a",))
    state = field.fit(values, is_target=False)
    found = field.encode(values, state, is_target=False).values
    np.testing.assert_allclose(found[1], found[[0, 2]].mean(axis=0), atol=1e-6)
    with pytest.raises(DataError, match="a should be a date like '%Y-%m-%d'; 1 of 2 values is not: row 1 '2024-02-30'"):
        field.read(table("2024-01-01", "2024-02-30"), ("a",))
    german = Date(format="%d.%m.%Y")
    assert german.read(table("31.12.2024", "2024-12-31"), ("a",)).tolist() == [1735603200] * 2, "ISO is read beside any format"
    with pytest.raises(DataError, match="a is missing in row 1, and missing: error allows none"):
        Date(missing="error").read(table("2024-01-01", None), ("a",))
    with pytest.raises(DataError, match=r"no one format reads all its dates: '2024-01-01', '1\.1\.2024'"):
        Date().read(table("2024-01-01", "1.1.2024"), ("a",))
    with pytest.raises(DataError, match=r"no one format reads all its dates: '2024-01-01', 'soon' \(row 2\)"):
        Date().read(table("2024-01-01", "2024-01-02", "soon", "2024-01-03"), ("a",))


def test_times_with_an_offset_are_read_in_one_zone():
    cells = table("2024-07-01T00:30:00+02:00", "2024-07-01T00:30:00Z")
    utc, berlin = Date().read(cells, ("a",)), Date(time_zone="Europe/Berlin").read(cells, ("a",))
    assert [str(np.datetime64(int(value), "s")) for value in utc] == ["2024-06-30T22:30:00", "2024-07-01T00:30:00"]
    assert (berlin - utc).tolist() == [7200, 7200]
    with pytest.raises(DataError, match="no time zone 'Europe/Berlim'"):
        Date(time_zone="Europe/Berlim").read(cells, ("a",))
    with pytest.raises(DataError, match="time_zone has no effect"):
        Date(time_zone="Europe/Berlin").read(table("2024-07-01"), ("a",))


def test_an_ordinal_keeps_its_order_and_words_need_one():
    field = Ordinal(order=("low", "mid", "high"))
    values = field.read(table("high", "low", None, "mid"), ("a",))
    state = field.fit(values, is_target=False)
    assert field.encode(values, state, is_target=False).values.tolist() == [3, 1, 4, 2]
    assert field.encode(values, field.fit(values, is_target=True), is_target=True).values.tolist() == [2, 0, -1, 1]
    numbers = Ordinal().read(table(10, 2, 1), ("a",))
    assert Ordinal().fit(numbers, is_target=True)["classes"] == ["1", "2", "10"]
    with pytest.raises(DataError) as caught:
        Ordinal().fit(Ordinal().read(table("low", "high"), ("a",)), is_target=True)
    assert caught.value.hint == "from low to high:  order: [high, low]"
    with pytest.raises(DataError, match="the training rows show top, which order does not name"):
        field.fit(field.read(table("low", "top"), ("a",)), is_target=True)
    with pytest.raises(ValueError, match="order names each value once"):
        Ordinal(order=("low", "low"))


def test_several_labels_are_those_of_scikit_learn():
    cells = ["b|a", "c", "a | c", "b"]
    field = MultiLabel()
    values = field.read(table(*cells), ("a",))
    state = field.fit(values, is_target=True)
    wanted = reference.MultiLabelBinarizer().fit_transform([[label.strip() for label in cell.split("|")] for cell in cells])
    np.testing.assert_array_equal(field.encode(values, state, is_target=True).values, wanted)
    assert state["classes"] == ["a", "b", "c"]


def test_separators_of_labels_are_found_or_told_as_a_doubt():
    assert MultiLabel().settled(table("a;b", "c"), ("a",)).separator == ";"
    assert MultiLabel().settled(table("a", "c"), ("a",)).separator is None
    with pytest.raises(DataError, match=r"'\|' and ',' may each stand between two labels") as caught:
        MultiLabel().settled(table("a|b", "c,d"), ("a",))
    assert "data.fields.a.separator: '|'" in caught.value.hint
    values = MultiLabel(separator="|").read(table("a|b,c"), ("a",))
    assert values.to_list() == [["a", "b,c"]]


def test_cells_without_labels():
    cells = table("a|b", None, "b")
    field = MultiLabel(separator="|")
    assert field.is_missing(field.read(cells, ("a",))).tolist() == [False, True, False]
    none = MultiLabel(separator="|", missing="none")
    values = none.read(cells, ("a",))
    assert not none.is_missing(values).any()
    assert none.encode(values, none.fit(values, is_target=True), is_target=True).values.tolist() == [[1, 1], [0, 0], [0, 1]]
    with pytest.raises(DataError, match="missing: error allows none"):
        MultiLabel(missing="error").read(cells, ("a",))
    with pytest.raises(DataError, match="training never showed 'z'"):
        MultiLabel(separator="|", unknown="error").encode(field.read(table("a|z"), ("a",)), {"classes": ["a", "b"]}, is_target=False)


def test_robust_scaling_is_that_of_scikit_learn():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.5, 1000.0])
    field = Number(normalize="robust")
    found = field.encode(values, field.fit(values, is_target=False), is_target=False).values
    np.testing.assert_allclose(found, reference.RobustScaler().fit_transform(values[:, None])[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("true", "false"),
    [("yes", "no"), ("Ja", "Nein"), ("T", "F"), ("1", "0"), ("TRUE", "FALSE"), ("y", "N"), ("oui", "non"), ("on", "off"), ("да", "нет")],
)
def test_words_for_yes_and_no_are_never_all_false(true, false):
    assert Boolean().read(table(true, false, true), ("a",)).tolist() == [1, 0, 1]
    target = guess_values(facts_of_cells([true, false] * 5), is_target=True, is_named=True).field
    assert isinstance(target, Boolean)
    assert target.read(table(true, false, true), ("a",)).tolist() == [1, 0, 1]


def guess(cells, **options):
    return guess_values(facts_of_cells(cells, **options), is_target=False, is_named=False)


def test_dates_are_found_among_columns():
    found = guess([f"{day:02d}.03.2024" for day in range(1, 30)])
    assert found.field == Date(format="%d.%m.%Y")
    assert found.note == "date (%d.%m.%Y)   change: type: category"
    assert guess(["03/04/2024", "05/06/2024"] * 9, date_format="%m/%d/%Y").field == Date(format="%m/%d/%Y")
    assert guess(["2024-01-01"] * 9).note == "always '2024-01-01'"


def test_numbers_that_may_stand_for_no_value_are_told():
    ages = [str(20 + row % 50) for row in range(60)]
    doubt = "-999 is far from all other numbers   no value? name it in data.source.missing   a value? type: number"
    assert guess([*ages, "-999"]).doubt == doubt
    assert guess([*ages, "9999", "9999"]).doubt.startswith("9999 is far from")
    assert guess(ages).doubt is None
    assert guess([str(row - 999) for row in range(0, 60, 7)]).doubt is None


def test_row_numbers_count_rows_and_nothing_else_does():
    assert guess([str(row) for row in range(30)]).note == "row numbers"
    assert guess(["1.5", "2.5", "3.5"]).field == Number()
    assert guess([str(year) for year in range(1990, 2020)]).field == Number()
    assert guess([str(700_000 + row) for row in range(30)]).note == "row numbers"


def test_tickets_are_no_numbers_with_faults():
    cells = ["A/5 21171", "113803", "PC 17599", "373450", "330877", "STON/O2. 3101282", "17463", "349909"]
    assert guess(cells * 3).doubt is None


def test_a_field_without_type_gets_the_type_of_its_options():
    fields = DataSettings.parse(
        {
            "source": "t.csv",
            "fields": {
                "a": {"unknown": "error", "order": ["x", "y"]},
                "b": {"format": "%d.%m.%Y"},
                "c": {"classes": ["x", "y"], "separator": ","},
            },
        }
    ).fields
    assert [field.type for field in fields.values()] == ["ordinal", "date", "multi_label"]
