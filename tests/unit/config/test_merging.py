from pathlib import Path
from typing import Any

import pytest

from nntrain.config import loading
from nntrain.config.merging import lay_over
from nntrain.config.reading import read_config
from nntrain.errors import ConfigError


def merged(base: str, top: str) -> Any:
    return lay_over(loading.parse(base, "base.yaml"), loading.parse(top, "top.yaml"))


@pytest.mark.parametrize(
    ("base", "top", "expected"),
    [
        ("training: {max_epochs: 5}", "training: {device: cpu}", {"training": {"max_epochs": 5, "device": "cpu"}}),
        ("training: {max_epochs: 5}", "training: {max_epochs: 6}", {"training": {"max_epochs": 6}}),
        ("training: {max_epochs: 5}", "training: null", {"training": None}),
        ("training: null", "training: {max_epochs: 5}", {"training": {"max_epochs": 5}}),
        ("metrics: [a, b]", "metrics: [c]", {"metrics": ["c"]}),
        ("optimizer: {type: adam, lr: 1}", "optimizer: sgd", {"optimizer": "sgd"}),
        ("optimizer: {type: adam, lr: 1}", "optimizer: adam", {"optimizer": "adam"}),
        ("optimizer: {type: adam, lr: 1}", "optimizer: {type: sgd}", {"optimizer": {"type": "sgd"}}),
        ("optimizer: {type: sgd, lr: 1}", "optimizer: {sgd: {momentum: 0.9}}", {"optimizer": {"type": "sgd", "lr": 1, "momentum": 0.9}}),
        ("optimizer: {type: sgd, lr: 1}", "optimizer: {momentum: 0.9}", {"optimizer": {"type": "sgd", "lr": 1, "momentum": 0.9}}),
        ("optimizer: {sgd: 0.1}", "optimizer: {momentum: 0.9}", {"optimizer": {"type": "sgd", "lr": 0.1, "momentum": 0.9}}),
        ("optimizer: sgd", "optimizer: {lr: 0.1}", {"optimizer": {"type": "sgd", "lr": 0.1}}),
        (
            "data: {source: a.csv, fields: {a: number, b: category}}",
            "data: {fields: {a: {role: target}}}",
            {"data": {"source": "a.csv", "fields": {"a": {"type": "number", "role": "target"}, "b": "category"}}},
        ),
        ("data: {source: {type: csv, path: a.csv}}", "data: {source: b.csv}", {"data": {"source": "b.csv"}}),
        (
            "data: {source: a.csv}",
            "data: {source: {delimiter: ;}}",
            {"data": {"source": {"type": "csv", "path": "a.csv", "delimiter": ";"}}},
        ),
        ("architecture: {type: mlp, hidden: [3]}", "architecture: {layers: [relu]}", {"architecture": {"layers": ["relu"]}}),
        ("architecture: {layers: [relu]}", "architecture: {layers: [tanh]}", {"architecture": {"layers": ["tanh"]}}),
    ],
)
def test_what_is_laid_over(base: str, top: str, expected: object) -> None:
    assert merged(base, top).tree == expected


def test_places_are_kept() -> None:
    document = merged("optimizer: {sgd: {lr: 1}}\nseed: 3", "\noptimizer: {momentum: 0.9}")
    assert str(document.locate(("optimizer", "lr"))) == "base.yaml:1:23"
    assert str(document.locate(("optimizer", "momentum"))) == "top.yaml:2:23"
    assert str(document.locate(("seed",))) == "base.yaml:2:7"
    assert document.name == "top.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path()


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_config_extends_another_that_extends_a_third(folder: Path) -> None:
    write(folder, a="data: {source: a.csv, target: y}\nseed: 1", b="extends: a.yaml\nseed: 2", c="extends: b.yaml\nname: c")
    config = read_config(Path("c.yaml"))
    assert (config.experiment.seed, config.experiment.name) == (2, "c")


def test_faults_are_told_in_the_file_that_has_them(folder: Path) -> None:
    write(folder, a="data: {source: a.csv, target: y, batch_size: 0}", b="extends: a.yaml\noptimizer: {type: sgd, lr: -1}")
    with pytest.raises(ConfigError) as caught:
        read_config(Path("b.yaml"), ["seed=-1"])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("b.yaml has 3 problems")
    assert [line.split()[0] for line in lines if line.startswith(("a.yaml", "b.yaml:", "override"))] == [
        "a.yaml:1:46",
        "b.yaml:2:28",
        "override",
    ]


def test_a_knob_of_the_base_yields_to_the_file_under_either_name(folder: Path) -> None:
    write(
        folder,
        a="data: {source: a.csv, target: y}\noptimizer: {type: adam, weight_decay: 0.1}",
        b="extends: a.yaml\nregularization: {weight_decay: 0.2}",
        c="extends: b.yaml\noptimizer: {type: sgd, weight_decay: 0.3}",
    )
    assert read_config(Path("a.yaml")).experiment.regularization.weight_decay == 0.1
    assert read_config(Path("b.yaml")).experiment.regularization.weight_decay == 0.2
    assert read_config(Path("c.yaml")).experiment.regularization.weight_decay == 0.3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: no.yaml", "no file no.yaml ('no.yaml', counted from the config's folder)"),
        ("extends: [a.yaml]", "needs the name of one config file"),
        ("extends: a.yaml", "a.yaml extends this file: bases go round in a circle"),
    ],
)
def test_a_base_that_cannot_be_read_is_told(folder: Path, text: str, message: str) -> None:
    write(folder, a=text)
    with pytest.raises(ConfigError) as caught:
        read_config(Path("a.yaml"))
    assert message in str(caught.value)
    assert "a.yaml:1:10" in str(caught.value)


def test_a_long_chain_of_bases_is_refused(folder: Path) -> None:
    write(folder, **{f"c{number}": f"extends: c{number + 1}.yaml" for number in range(15)}, c15="data: {source: a.csv}")
    with pytest.raises(ConfigError, match="more than 10 bases on one another"):
        read_config(Path("c0.yaml"))


@pytest.mark.parametrize("secret", ["a: [ # secret", "secret words", "a: 'secret", '"C:\\new\\tsecret"', "seed: -1 # secret"])
def test_no_line_of_a_base_outside_of_the_folder_is_shown(folder: Path, secret: str) -> None:
    inside = folder / "inside"
    inside.mkdir()
    write(folder, b=secret)
    write(inside, b=secret, a="extends: ../b.yaml\ndata: {source: a.csv, target: y}", c="extends: b.yaml\ndata: {source: a.csv, target: y}")
    with pytest.raises(ConfigError) as caught:
        read_config(inside / "a.yaml")
    assert "b.yaml:1:" in str(caught.value)
    assert " | " not in str(caught.value)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"b\.yaml:1:"):
        read_config(inside / "c.yaml")
