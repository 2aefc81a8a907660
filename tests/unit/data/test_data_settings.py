import pytest

from nntrain.data.settings import DataSettings, field_type


@pytest.mark.parametrize(
    ("options", "tag"),
    [
        ({"missing": "median"}, "number"),
        ({"missing": "mean"}, "number"),
        ({"missing": 0}, "number"),
        ({"missing": "class"}, "category"),
        ({"missing": "median", "columns": ["a", "b"]}, "vector"),
        ({"role": "target"}, "auto"),
    ],
)
def test_options_stand_for_the_type_that_has_them(options, tag):
    assert field_type(options) == tag


def test_missing_alone_makes_a_number():
    fields = DataSettings.parse({"source": "t.csv", "fields": {"a": {"missing": "median"}, "b": {"missing": "class"}}}).fields
    assert [field.type for field in fields.values()] == ["number", "category"]


def test_a_target_is_named_once():
    with pytest.raises(ValueError, match="target names y twice"):
        DataSettings.parse({"source": "t.csv", "target": ["y", "y"]})
