from pathlib import Path

import pytest

from nntrain.config import loading
from nntrain.config.document import Document
from nntrain.errors import ConfigError


def tree(text: str) -> object:
    return loading.parse(text, "a.yaml").tree


def message(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loading.parse(text, "a.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1),
        ("-1", -1),
        ("0x1f", 31),
        ("0o17", 15),
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("1.", 1.0),
        (".5", 0.5),
        ("+.5", 0.5),
        (".inf", float("inf")),
        ("-.Inf", float("-inf")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("no", "no"),
        ("on", "on"),
        ("yes", "yes"),
        ("012", "012"),
        ("01067", "01067"),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-01-01", "2026-01-01"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("1e", "1e"),
        ("-", "-"),
    ],
)
def test_scalars_are_those_of_yaml_1_2_and_numbers_with_leading_zeros_are_texts(written: str, value: object) -> None:
    found = tree(f"a: [{written}]" if written not in ("", "-") else f'a: ["{written}"]' if written == "-" else "a:")
    expected = {"a": [value]} if written else {"a": None}
    assert found == expected
    assert [type(item) for item in (found["a"] or [])] == [type(item) for item in (expected["a"] or [])]


def test_aliases_are_copies_and_merge_keys_yield_to_own_keys() -> None:
    text = "base: &b {lr: 1, eps: 2}\nother: {<<: *b, lr: 3}\nsame: *b\n"
    found = loading.parse(text, "a.yaml").tree
    assert found == {"base": {"lr": 1, "eps": 2}, "other": {"lr": 3, "eps": 2}, "same": {"lr": 1, "eps": 2}}
    assert found["same"] is not found["base"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [*a]", "stands inside of what it repeats"),
        ("a: *b", "no &b before this *b"),
        ("a: 1\na: 2", "a is given twice, first in line 1"),
        ("a: !!int 3", "the tag !!int is not allowed"),
        ("a: !x 3", "the tag !x is not allowed"),
        ("a: 1\n---\nb: 2", "a second document starts here"),
        ("[a]: 1", "a key must be text"),
        ("a: 1\n b: 2", "a ':' that YAML can't place"),
        ("a: {b: 1", "the bracket that opens here is not closed"),
        ("a: 'b", "the quote that opens here is never closed"),
        ("a: @b", "can't start with @ without quotes"),
        ("a: 1\x00", "holds the control character U+0000"),
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- a", "must be a mapping of sections"),
        ("a: " + "9" * 40, "a whole number of 40 digits"),
        ("a: " + "[" * 200 + "]" * 200, "more than 100 levels of nesting"),
    ],
)
def test_what_a_config_may_not_hold_is_told_with_its_place(text: str, said: str) -> None:
    found = message(text)
    assert said in found
    assert found.splitlines()[2].startswith("a.yaml:")


def test_exploding_aliases_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "more than 100,000 values; aliases (*name) count as what they repeat" in message("\n".join(lines))


def test_files_that_are_no_text_are_told(tmp_path: Path) -> None:
    for content, said in [
        (b"\xff\xfea\x00", "is UTF-16, not UTF-8"),
        (b"a: caf\xe9\n", "is not UTF-8: byte 0xe9"),
        (b"a: " + b"x" * 1_000_001, "is larger than 1 MB"),
    ]:
        path = tmp_path / "a.yaml"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            loading.load(path)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert loading.load(path).tree == {"a": 1}


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        loading.load(tmp_path)


def place(document: Document, *path: str | int) -> str:
    return str(document.locate(path)).removeprefix("a.yaml:")


def test_places_go_through_the_short_forms_of_components() -> None:
    text = (
        "data: {source: a.csv}\narchitecture:\n  layers:\n    - linear: {out_features: 0}\n"
        "    - linear: 0\n    - residual: [relu, linear: 3]\n    - relu\n"
    )
    document = loading.parse(text, "a.yaml")
    layers = ("architecture", "layers")
    assert place(document, *layers, 0, "out_features") == "4:30"
    assert place(document, *layers, 1, "out_features") == "5:15"
    assert place(document, *layers, 2, "layers", 1, "out_features") == "6:32"
    assert place(document, *layers, 3, "name") == "7:7"
    assert place(document, "data", "target") == "1:1"
    assert place(document, "training", "max_epochs") == "1:1"
    assert document.shown((*layers, 2, "layers", 1, "out_features")) == (*layers, 2, "residual", 1, "linear")
    assert document.shown(("data", "target")) == ("data", "target")


def test_a_section_with_one_key_is_no_component() -> None:
    document = loading.parse("data: {source: a.csv}\ntraining:\n  early_stopping:\n    patience: 3\n", "a.yaml")
    assert place(document, "training", "early_stopping", "monitor") == "3:3"
    assert document.shown(("training", "early_stopping", "monitor")) == ("training", "early_stopping", "monitor")


def test_values_from_the_environment_are_read_as_they_would_be_without_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNTRAIN_FOLDER", "/rows")
    monkeypatch.setenv("NNTRAIN_SEED", "7")
    text = (
        "data: {source: '${env:NNTRAIN_FOLDER}/a.csv'}\nseed: ${env:NNTRAIN_SEED}\n"
        "flow: {x: \"${env:NNTRAIN_SEED}\"}\npart: '${env:NNTRAIN_SEED}0'\n"
    )
    document = loading.parse(text, "a.yaml")
    assert document.tree == {"data": {"source": "/rows/a.csv"}, "seed": 7, "flow": {"x": 7}, "part": "70"}


def test_two_merge_keys_are_refused() -> None:
    text = "a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b\n"
    with pytest.raises(ConfigError, match=r"<< is given twice, first in line 4"):
        loading.parse(text, "a.yaml")


def test_the_resolved_config_of_a_run_may_have_every_column_of_a_wide_table(tmp_path: Path) -> None:
    text = "a:\n" + "".join(f"  c{number}: [{'x' * 70}, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n" for number in range(10_000))
    path = tmp_path / "resolved.yaml"
    path.write_text(text, encoding="utf-8")
    assert len(loading.load(path).tree["a"]) == 10_000
    assert len(loading.parse(text, "resolved.yaml").tree["a"]) == 10_000
