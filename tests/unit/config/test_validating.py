"""What is told of single values; whole screens are in tests/cli/test_wrong_configs.py."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, PositiveInt, ValidationError

from nntrain.config import loading, validating
from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.documentation.wording import PATTERNS
from nntrain.config.experiment import Experiment
from nntrain.config.naming import nearest, number_in
from nntrain.config.reading import read_config, read_mapping
from nntrain.errors import ConfigError, NNTrainError, Problem
from nntrain.schema import StrictModel


class Inner(StrictModel):
    """A section."""

    size: PositiveInt
    """Its size."""


class Root(StrictModel):
    """A small tree of settings with every kind of union."""

    many: Inner | tuple[Inner, ...] | None = None
    number_or_word: Annotated[float, Field(ge=0, le=1)] | Literal["auto"] = "auto"
    pair: tuple[int, str] | None = None
    names: dict[str, Inner] = Field(default_factory=dict[str, Inner])
    flag: bool = False
    filled: Annotated[tuple[str, ...], Field(min_length=1)] | None = None


def problems(text: str) -> list[Problem]:
    document = loading.parse(text, "a.yaml")
    with pytest.raises(ValidationError) as caught:
        Root.parse(document.tree)
    return validating.problems(caught.value, document, Root)


@pytest.mark.parametrize(
    ("text", "path", "message", "hint"),
    [
        ("many: 3", ("many",), "needs settings (size), or several in a list, got 3", None),
        ("many: {size: 0}", ("many", "size"), "needs a whole number above 0, got 0", None),
        ("many: [{size: 1}, {size: x}]", ("many", 1, "size"), "needs a whole number above 0, got x", None),
        ("number_or_word: 2", ("number_or_word",), "needs a number from 0 to 1, or auto, got 2", None),
        ("number_or_word: car", ("number_or_word",), "needs a number from 0 to 1, or auto, got car", None),
        ("pair: [1, 2]", ("pair", 1), "needs text, got 2", 'fix:  "2"'),
        ("pair: [x, y]", ("pair", 0), "needs a whole number, got x", None),
        ("names: {a: {size: -1}}", ("names", "a", "size"), "needs a whole number above 0, got -1", None),
        ("names: {a: {}}", ("names", "a"), "size is missing", "Its size."),
        ("names: {a: {sizes: 3}}", ("names", "a", "sizes"), "not a setting", "nearest: size          settings here: size"),
        ("flag: on", ("flag",), "needs true or false, got on", "fix:  flag: true"),
        ("flag: 1", ("flag",), "needs true or false, got 1", None),
        ("flag: null", ("flag",), "needs true or false, got null", "leave the line out for the default"),
        ("filled: []", ("filled",), "needs a list of at least 1, each text, got []", None),
        ("filled: x", ("filled",), "needs a list of at least 1, each text, got x", "fix:  filled: [x]"),
    ],
)
def test_each_fault_is_told_once(text: str, path: tuple[str | int, ...], message: str, hint: str | None) -> None:
    assert [(problem.path, problem.message, problem.hint) for problem in problems(text)] == [(path, message, hint)]


def test_long_values_are_shown_in_part() -> None:
    (problem,) = problems(f"flag: {'x' * 500}")
    assert problem.message == f"needs true or false, got {'x' * 60}…"


@pytest.mark.parametrize(
    ("text", "whole", "number"),
    [
        ("0.1", False, "0.1"),
        ("0,1", False, "0.1"),
        ("10%", False, "0.1"),
        ("1_000", True, "1000"),
        ("2k", True, "2000"),
        ("64.0", True, "64"),
        ("1e-3", False, "0.001"),
        ("0.5", True, None),
        ("fast", False, None),
        ("1.2.3", False, None),
        ("", False, None),
    ],
)
def test_numbers_in_texts(text: str, whole: bool, number: str | None) -> None:
    assert number_in(text, whole=whole) == number


def test_nearest_names_leave_out_those_that_are_much_less_alike() -> None:
    assert nearest("optimzer", ["optimizer", "scheduler", "size"]) == ["optimizer"]
    assert nearest("xyz", ["optimizer"]) == []


def test_every_pattern_of_a_setting_is_told_in_words() -> None:
    def patterns(node: Any) -> list[str]:
        inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        own = [node["pattern"]] if isinstance(node, dict) and isinstance(node.get("pattern"), str) else []
        return [*own, *(found for item in inner for found in patterns(item))]

    assert set(patterns(dict(catalogue().definitions))) <= PATTERNS.keys()


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.sampled_from(["x", "relu", "linear", "sgd", "", "1"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "linear", "lr", "layers", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def screen_of(section: str, value: object) -> str:
    """What is said of a section's value; nothing where it is accepted."""
    try:
        read_mapping({"data": {"source": "a.csv", "target": "y"}, section: value})
    except ConfigError as error:
        return str(error)
    return ""


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*Experiment.model_fields, "x"]), VALUES)
def test_no_value_of_a_section_is_a_fault_of_ours(section: str, value: object) -> None:
    """Whatever stands there, it is accepted or told in words with a place in the text."""
    screen = screen_of(section, value)
    assert "Input should" not in screen
    assert "function-" not in screen


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([key for key in Experiment.model_fields if key not in ("name", "seed")]), st.data())
def test_no_value_of_a_setting_is_a_fault_of_ours(section: str, data: st.DataObject) -> None:
    definitions = catalogue().definitions
    keys = sorted({key for definition in definitions.values() for key in definition.get("properties", {})})
    value = {data.draw(st.sampled_from(keys)): data.draw(VALUES) for _ in range(2)}
    assert "Input should" not in screen_of(section, value)


def test_not_a_number_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"needs a number above 0, got \.nan"):
        read_mapping({"data": {"source": "a.csv"}, "optimizer": {"type": "sgd", "lr": math.nan}})


def test_a_file_that_is_not_there_is_told_with_what_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rents.yaml").write_text("data: {source: a.csv}", encoding="utf-8")
    with pytest.raises(NNTrainError, match=r"no config rent\.yaml\n   here are: rents\.yaml"):
        read_config(Path("rent.yaml"))
