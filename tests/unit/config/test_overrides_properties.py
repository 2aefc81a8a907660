"""Any value can be set by an override, at any name, and is read as the file would read it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nntrain.config import loading, overrides
from nntrain.config.overrides import split_path
from nntrain.config.writing import dump, scalar
from nntrain.errors import render_path

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=8).filter(lambda text: "${env:" not in text)
SCALARS = st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False) | TEXTS
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\"'"), min_size=1, max_size=8).filter(
    lambda text: text == text.strip() and "${env:" not in text
)


def quoted(name: str) -> str:
    return f'"{name}"'


def read_back(change: str, name: str) -> Any:
    document = loading.parse("data: {source: a.csv, target: y}\n", "a.yaml")
    return overrides.apply(document, [change]).tree["variables"][name]


@settings(max_examples=200)
@given(NAMES, SCALARS)
def test_any_scalar_as_the_file_writes_it(name: str, value: object) -> None:
    found = read_back(f"variables.{quoted(name)}={scalar(value)}", name)
    assert (type(found), found) == (type(value), value)


@settings(max_examples=100)
@given(NAMES, st.lists(SCALARS, min_size=1, max_size=4))
def test_any_list_in_brackets(name: str, values: list[object]) -> None:
    written = f"[{', '.join(scalar(value) for value in values)}]"
    found = read_back(f"variables.{quoted(name)}={written}", name)
    assert loading.parse(dump({"a": found}), "x").tree == loading.parse(dump({"a": values}), "x").tree


@given(st.lists(st.integers(-999, 999) | st.floats(-1e6, 1e6), min_size=2, max_size=5))
def test_numbers_with_commas_between_are_a_list(values: list[float]) -> None:
    assert read_back(f"variables.a={','.join(map(str, values))}", "a") == values


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_path_is_taken_apart_as_it_was_put_together(names: list[str]) -> None:
    assert list(split_path(".".join(map(quoted, names)))) == names


@given(st.lists(st.from_regex(r"[A-Za-z_äß日][A-Za-z0-9_äß日 .-]{0,6}[A-Za-z0-9]", fullmatch=True), min_size=1, max_size=4))
def test_a_path_as_errors_write_it_is_read_back(names: list[str]) -> None:
    assert list(split_path(render_path(tuple(names)))) == names
