import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nntrain.config import loading
from nntrain.config.writing import dump
from nntrain.errors import ConfigError

# What a config does not hold as a plain text: a value from the environment, and the base that a file builds on.
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12).filter(lambda text: "${env:" not in text and text != "extends")
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=False), TEXTS)
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12)

AWKWARD = [
    *[
        "1e-3",
        "1",
        "0x10",
        "012",
        "1:30",
        "no",
        "on",
        "true",
        "True",
        "null",
        "~",
        "",
        " a",
        "a ",
        "a: b",
        "a #b",
        "# a",
        "- a",
        "-",
        "?",
        ": a",
    ],
    *[
        "*",
        "&a",
        "!t",
        "%a",
        "@a",
        "`a`",
        "'",
        '"',
        "a'b",
        'a"b',
        "a\nb",
        "a\tb",
        "a\\nb",
        "C:\\temp\\new",
        "\\",
        "[a]",
        "{a}",
        "a,b",
        "|",
        ">",
    ],
    *[
        "<<",
        "---",
        "...",
        ".inf",
        ".nan",
        "ä",
        "\u2028",
        "\xa0",
        "\ufeff",
        "\x85",
        "日本",
        "😀",
        "=",
        "2020-01-01",
        "1_000",
        "0o7",
        "+1",
        "${x}",
    ],
]


@pytest.mark.parametrize("text", AWKWARD)
def test_awkward_texts_are_read_back_as_texts(text: str) -> None:
    tree = {"key": text, text: 1, "list": [text, [text]], "deep": [{text: text}]}
    assert loading.parse(dump(tree), "x").tree == tree


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(TEXTS, TREES, max_size=4))
@example({"a": [[1, [2, {"b": []}]], {}]})
@example({"a": {"b": [{"c": {"d": [1, 2]}}, "e"]}})
def test_any_tree_is_read_back_identically(tree: dict[str, object]) -> None:
    assert loading.parse(dump(tree), "x").tree == tree


def test_types_survive() -> None:
    tree = {"a": 1, "b": 1.0, "c": True, "d": "1", "e": -0.0, "f": math.inf, "g": 1e-7}
    read = loading.parse(dump(tree), "x").tree
    assert [(type(value), value) for value in read.values()] == [(type(value), value) for value in tree.values()]
    assert math.isnan(loading.parse(dump({"a": math.nan}), "x").tree["a"])


def test_the_text_is_laid_out_for_people() -> None:
    tree = {
        "name": "digits",
        "optimizer": {"type": "adamw", "lr": 1e-3},
        "layers": [{"linear": 64}, "relu"],
        "hidden": (64, 64),
        "none": {},
    }
    text = "name: digits\noptimizer:\n  type: adamw\n  lr: 0.001\nlayers:\n  - linear: 64\n  - relu\nhidden: [64, 64]\nnone: {}\n"
    assert dump(tree) == text


@pytest.mark.parametrize(
    ("tree", "message"), [({"a": [object()]}, r"a\[0\]: holds a value of type object"), ({"a": {1: 2}}, "a: has the key 1; keys are text")]
)
def test_what_no_config_can_hold_is_refused(tree: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dump(tree)
