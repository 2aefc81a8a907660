"""What runs differ in. The runs are written by hand, nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nntrain.commands.judging.compared_settings import differences_of, labels_of
from nntrain.runs import Run, create_run


def make_run(config: str, *, name: str = "shops", fingerprints: object = None, environment: dict[str, Any] | None = None) -> Run:
    run = create_run(Path("runs"), name)
    run.write_text("resolved.yaml", config)
    run.write_json("data.json", {"fingerprints": fingerprints or {"source": "a", "test": "b"}})
    if environment is not None:
        run.write_json("environment.json", environment)
    return run


def test_settings_are_told_by_path_with_the_values_side_by_side() -> None:
    first = make_run("seed: 0\noptimizer: {type: sgd, lr: 0.1}\narchitecture: {hidden: [8]}\nscheduler: null\n")
    other = make_run("seed: 0\noptimizer: {type: sgd, lr: 0.2}\narchitecture: {hidden: [8, 8]}\nscheduler: {type: cosine, warmup: 2}\n")
    third = make_run("seed: 0\noptimizer: {type: adam}\narchitecture: {hidden: [8]}\nscheduler: null\n")
    found = differences_of([first, other, third])
    assert found.labels == ("0001", "0002", "0003")
    assert found.settings == {
        "optimizer.lr": (0.1, 0.2, None),
        "architecture.hidden": ([8], [8, 8], [8]),
        "scheduler": (None, {"type": "cosine", "warmup": 2}, None),
        "optimizer.type": ("sgd", "sgd", "adam"),
    }
    assert found.written["optimizer.lr"] == ("0.1", "0.2", "-")
    assert found.written["scheduler"][0] == "null"
    assert found.screen().splitlines()[:2] == [
        "differs in            0001                              0002   0003",
        "optimizer.lr           0.1                               0.2      -",
    ]


def test_the_fold_of_the_first_member_of_a_bag_is_no_setting_of_it() -> None:
    split = "data: {split: {test: 0.2, validation_folds: %s, validation_fold: %s}}\ntraining: {bag: %s}\n"
    bag, single, fold = (make_run(split % each) for each in ((3, 1, "{folds: 3}"), ("null", "null", "null"), (3, 1, "null")))
    assert list(differences_of([bag, single]).settings) == ["training.bag"]
    assert set(differences_of([single, fold]).settings) == {"data.split.validation_folds", "data.split.validation_fold"}


def test_runs_of_one_config_say_so() -> None:
    found = differences_of([make_run("seed: 0\n"), make_run("seed: 0\n")])
    assert found.screen() == "settings  the same\ndata      the same (source, test rows)\nversions  not known"


def test_what_comes_from_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "secret")
    found = differences_of([make_run("a: ${env:PLACE}\nb: ${env:UNSET_HERE}\n"), make_run("a: here\nb: there\n")])
    assert found.written == {"a": ("${env:PLACE}", "here"), "b": ("${env:UNSET_HERE}", "there")}
    assert "secret" not in json.dumps(found.as_json())


def test_data_and_versions_are_a_line_each() -> None:
    environment = {"versions": {"torch": "2.9", "numpy": "2"}, "device": "cpu", "git": {"commit": "0123456789abcdef", "diff": ""}}
    first = make_run("seed: 0\n", environment=environment)
    other = make_run(
        "seed: 0\n", fingerprints={"source": "a", "test": "c"}, environment={**environment, "versions": {"torch": "2.8", "numpy": "2"}}
    )
    found = differences_of([first, other])
    assert found.data == "other than those of 0001: test rows of 0002"
    assert found.versions == "torch 2.9 / 2.8"


def test_labels_are_as_short_as_they_may_be() -> None:
    paths = ["runs/a/0001", "runs/b/0001", "elsewhere/runs/b/0002"]
    assert labels_of([Run(Path(path)) for path in paths]) == ("a/0001", "b/0001", "b/0002")
    assert labels_of([Run(Path(path)) for path in [paths[0], paths[0]]]) == ("0001", "0001")


def test_long_values_are_cut_until_the_table_fits_eighty_columns() -> None:
    first = make_run("architecture: {inputs: {'*': {type: ple, bins: 35, by: quantile, dim: 8}}}\n")
    other = make_run("training: {early_stopping: {monitor: a very long name of a metric of a run}}\n")
    lines = differences_of([first, other]).screen().splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" in lines[1]
