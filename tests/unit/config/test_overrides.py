from typing import Any

import pytest

from nntrain.config import loading, normalising, overrides
from nntrain.config.overrides import split_path
from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError

TEXT = """\
data: {source: a.csv, target: y, fields: {age: number}}
optimizer: {adamw: {lr: 1e-3, betas: [0.9, 0.99]}}
scheduler: cosine
architecture:
  layers:
    - linear: 64
    - {linear: 10, name: code}
    - relu
metrics: [accuracy]
training: null
"""


def changed(*changes: str) -> Any:
    return overrides.apply(loading.parse(TEXT, "a.yaml"), changes).tree


@pytest.mark.parametrize(
    ("change", "section", "expected"),
    [
        ("optimizer.lr=3e-4", "optimizer", {"type": "adamw", "lr": 3e-4, "betas": [0.9, 0.99]}),
        ("optimizer=sgd", "optimizer", "sgd"),
        ("optimizer={type: sgd, lr: 0.1}", "optimizer", {"type": "sgd", "lr": 0.1}),
        ("optimizer.type=adam", "optimizer", {"type": "adam", "lr": 1e-3, "betas": [0.9, 0.99]}),
        ("optimizer.adamw.lr=1", "optimizer", {"type": "adamw", "lr": 1, "betas": [0.9, 0.99]}),
        ("scheduler=null", "scheduler", None),
        ("scheduler.warmup_steps=10", "scheduler", {"type": "cosine", "warmup_steps": 10}),
        ("metrics+=f1", "metrics", ["accuracy", "f1"]),
        ("metrics+=f1,auroc", "metrics", ["accuracy", "f1", "auroc"]),
        ("metrics=f1,", "metrics", ["f1"]),
        ("training.max_epochs=5", "training", {"max_epochs": 5}),
        ("training.early_stopping.patience=5", "training", {"early_stopping": {"patience": 5}}),
        ("name=0123", "name", "0123"),
        ("name='1'", "name", "1"),
        ("name=a b", "name", "a b"),
    ],
)
def test_a_section_is_changed(change: str, section: str, expected: object) -> None:
    assert changed(change)[section] == expected


@pytest.mark.parametrize(
    ("change", "index", "expected"),
    [
        ("architecture.layers.0=relu", 0, "relu"),
        ("architecture.layers[0].linear=5", 0, {"linear": 5}),
        ("architecture.layers.0.out_features=5", 0, {"type": "linear", "out_features": 5}),
        ("architecture.layers.0.linear.bias=false", 0, {"type": "linear", "out_features": 64, "bias": False}),
        ("architecture.layers.code.linear=5", 1, {"linear": 5, "name": "code"}),
        ("architecture.layers.code.bias=false", 1, {"type": "linear", "out_features": 10, "name": "code", "bias": False}),
        ("architecture.layers.2.name=act", 2, {"type": "relu", "name": "act"}),
    ],
)
def test_an_item_of_a_list_is_changed(change: str, index: int, expected: object) -> None:
    layers = changed(change)["architecture"]["layers"]
    assert layers[index] == expected
    assert len(layers) == 3


def test_a_component_in_its_type_form_may_be_named_by_its_tag() -> None:
    document = loading.parse("architecture: {layers: [{type: linear, out_features: 3, bias: false, name: a}]}", "a.yaml")
    assert overrides.apply(document, ["architecture.layers.0.linear=5"]).tree["architecture"]["layers"] == [{"linear": 5, "name": "a"}]
    kept = overrides.apply(document, ["architecture.layers.0.linear.out_features=5"]).tree["architecture"]["layers"]
    assert kept == [{"type": "linear", "out_features": 5, "bias": False, "name": "a"}]


@pytest.mark.parametrize(
    ("change", "name", "expected"),
    [
        ("data.fields.age.role=target", "age", {"type": "number", "role": "target"}),
        ('data.fields."max. wv (m/s)".normalize=minmax', "max. wv (m/s)", {"normalize": "minmax"}),
        ("data.fields.'a=b'.role=ignore", "a=b", {"role": "ignore"}),
        ('data.fields."V*"=number', "V*", "number"),
    ],
)
def test_names_may_be_quoted(change: str, name: str, expected: object) -> None:
    assert changed(change)["data"]["fields"][name] == expected


def test_a_path_alone_opens_as_its_source() -> None:
    assert changed("data.source.delimiter=;")["data"]["source"] == {"type": "csv", "path": "a.csv", "delimiter": ";"}
    assert changed("data.source=b.npz")["data"]["source"] == "b.npz"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("64,64", [64, 64]),
        ("[64, 64]", [64, 64]),
        ("a, b", ["a", "b"]),
        ('"a,b"', "a,b"),
        ("'a','b'", ["a", "b"]),
        ("{a: 1}", {"a": 1}),
        ("a: 1", {"a": 1}),
        (",", ","),
        ("|", "|"),
        ("#", "#"),
        ("*", "*"),
        ("", None),
        ("null", None),
        ("true", True),
        ("no", "no"),
        ("1e-3", 1e-3),
        ("C:\\data\\a.csv", "C:\\data\\a.csv"),
        ("validation.accuracy", "validation.accuracy"),
    ],
)
def test_values_need_no_quotes_in_a_shell(written: str, value: object) -> None:
    found = changed(f"name={written}")["name"]
    assert (type(found), found) == (type(value), value)


def test_later_overrides_build_on_earlier_ones() -> None:
    assert changed("optimizer=sgd", "optimizer.lr=0.1", "optimizer.momentum=0.9")["optimizer"] == {
        "type": "sgd",
        "lr": 0.1,
        "momentum": 0.9,
    }


def test_appending_begins_with_the_default_of_a_list() -> None:
    tree = changed("optimizer.groups+={match: head, lr: 0.1}")
    assert tree["optimizer"]["groups"] == [{"match": "head", "lr": 0.1}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimizer.lr", "has no value"),
        ("=1", "'' is no path"),
        ("a..b=1", "'a..b' is no path"),
        ("a.=1", "'a.' is no path"),
        ('a."b=1', "has no value"),
        ("data.target.x=1", "is y, which has no settings of its own"),
        ("architecture.layers.9=relu", "has 3 items, counted from 0; there is no 9"),
        ("architecture.layers.x=relu", "has no item named 'x'"),
        ("data.target+=z", "is no list, so nothing can be appended to it"),
        ("name=[1", "the value is no YAML"),
        ("name=${env:NNTRAIN_NOT_SET}", "the environment variable NNTRAIN_NOT_SET is not set"),
        ("name=" + "9" * 30, "a whole number of 30 digits"),
        (".".join("a" * 60) + "=1", "more than 50 keys"),
    ],
)
def test_what_cannot_be_placed_is_told_with_the_override_as_its_place(change: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        changed(change)
    assert f'override "{change}"' in str(caught.value)
    assert message in str(caught.value)


def test_all_wrong_overrides_are_told_together() -> None:
    with pytest.raises(ConfigError, match=r"(?s)has 2 problems.*override \"x\".*override \"a\.\.b=1\""):
        changed("x", "a..b=1")


def test_an_override_of_a_file_goes_before_it_under_either_name() -> None:
    tree: dict[str, Any] = {"data": {"source": "a.csv"}, "optimizer": {"type": "adam", "weight_decay": 0.1}}
    assert read_mapping(tree, ["regularization.weight_decay=0.5"]).experiment.regularization.weight_decay == 0.5
    assert read_mapping(tree, ["optimizer.weight_decay=0.5"]).experiment.regularization.weight_decay == 0.5
    assert read_mapping(tree, ["optimizer=sgd"]).experiment.regularization.weight_decay == 0.1


def test_environment_values_stay_as_they_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNTRAIN_ROWS", "rows.csv")
    document = overrides.apply(loading.parse(TEXT, "a.yaml"), ["data.source=${env:NNTRAIN_ROWS}", 'name="${env:NNTRAIN_ROWS}"'])
    assert document.tree["data"]["source"] == "rows.csv"
    assert document.unexpanded == {("data", "source"): "${env:NNTRAIN_ROWS}", ("name",): "${env:NNTRAIN_ROWS}"}


def test_normalising_twice_changes_nothing() -> None:
    document = normalising.normalise(loading.parse("optimizer: {adam: {weight_decay: 0.1}}", "a.yaml"))
    again = normalising.normalise(document)
    assert (again.tree, again.marks, again.moved) == (document.tree, document.marks, document.moved)


def test_paths_are_taken_apart() -> None:
    assert split_path("a.b[3].'c d'.\"e.f\"") == ("a", "b", "3", "c d", "e.f")
