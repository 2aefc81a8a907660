"""`nntrain list` and `nntrain help`: what is listed and explained, under our names and those of other tools."""

import json
import re
from pathlib import Path

import pytest

from nntrain import cli
from nntrain.commands.reference import list as list_command
from nntrain.commands.reference.examples import Example, examples_table, read_example, what_to_bring
from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.documentation.explaining import explain, words
from nntrain.config.documentation.wrapping import wrapped

Screens = pytest.CaptureFixture[str]


def test_kinds_are_listed_with_their_counts(capsys: Screens) -> None:
    assert cli.main(["list"]) == 0
    out = capsys.readouterr().out
    for kind, table in list_command.KINDS.items():
        assert any(line.split()[:2] == [kind, str(len(table))] for line in out.splitlines())


@pytest.mark.parametrize("kind", list_command.KINDS)
def test_every_component_is_listed_with_a_sentence(kind: str, capsys: Screens) -> None:
    assert cli.main(["list", kind]) == 0
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    lines = out.replace("\n" + " " * 23, " ").splitlines()
    assert [line.split()[0] for line in lines] == list(list_command.KINDS[kind])
    assert all(len(line.split()) > 2 for line in lines)


def test_kinds_of_the_table_cover_every_slot() -> None:
    listed = {tag for table in list_command.KINDS.values() for tag in table}
    known = {tag for slot in catalogue().slots.values() for tag in slot.table}
    assert known - listed == {"layers", "nodes", "by_node"}


def test_examples_are_a_table(capsys: Screens) -> None:
    assert cli.main(["list", "examples"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["example", "task", "data", "time", "score"]
    assert max(map(len, lines[:-1])) <= 80
    assert all(any(line.startswith(f"{path.stem} ") for line in lines) for path in list_command.example_configs())
    digits = next(line for line in lines if line.startswith("digits "))
    place = lines[0].index("data")
    assert digits[place : place + 8] == "shipped "
    assert "nntrain fit" not in "".join(lines)


def test_lists_are_given_as_json(capsys: Screens) -> None:
    assert cli.main(["list", "examples", "--json"]) == 0
    examples = json.loads(capsys.readouterr().out)["examples"]
    assert [example["name"] for example in examples] == [path.stem for path in list_command.example_configs()]
    assert list(examples[0]) == ["name", "task", "data", "time", "score", "path"]
    assert cli.main(["list", "loss", "--json"]) == 0
    losses = json.loads(capsys.readouterr().out)["losses"]
    assert [loss["name"] for loss in losses] == list(list_command.KINDS["losses"])
    assert cli.main(["list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["losses"] == len(losses)


def test_what_the_first_lines_of_an_example_say(tmp_path: Path) -> None:
    path = tmp_path / "rents.yaml"
    about = "# Rents of flats: a table. More of it.\n# Bring rents.csv into data/\n# beside this file.\n"
    path.write_text(f"{about}# data: data/rents.csv  time: 3 s\n#   nntrain fit rents.yaml\nname: rents\n# score: not here\n")
    assert read_example(path) == Example(path, "Rents of flats", "data/rents.csv", "3 s", "")
    assert what_to_bring(path) == "Bring rents.csv into data/ beside this file."
    path.write_text("name: rents\n")
    assert read_example(path) == Example(path, "", "", "", "")
    assert what_to_bring(path) is None


def test_long_cells_of_the_table_go_on_below(tmp_path: Path) -> None:
    path = tmp_path / "a_config_with_a_long_name.yaml"
    data = "folder/with_a_name_of_many_letters.csv"
    lines = examples_table([Example(path, "what it does, in many words", data, "1,000 s", "rmse 1.234 million")]).splitlines()
    assert max(map(len, lines)) <= 80
    place = lines[0].index("data")
    assert "".join(line[place : place + 16].strip() for line in lines[1:]) == data


@pytest.mark.parametrize(("kind", "hint"), [("layrs", "nearest: layers"), ("foo", "kinds: layers, families")])
def test_an_unknown_kind_is_told(kind: str, hint: str, capsys: Screens) -> None:
    assert cli.main(["list", kind]) == 2
    assert hint in capsys.readouterr().err


def test_one_of_a_kind_may_be_named_in_the_singular(capsys: Screens) -> None:
    assert cli.main(["list", "scheduler"]) == 0
    assert capsys.readouterr().out.startswith("constant")


def test_a_setting_is_explained(capsys: Screens) -> None:
    assert cli.main(["help", "training.early_stopping.patience"]) == 0
    assert capsys.readouterr().out == (
        "training.early_stopping.patience\n"
        "  Evaluations without an improvement after which training stops.\n"
        "  type       a whole number above 0\n"
        "  default    10\n"
        "  example    training: {early_stopping: {patience: 10}}\n"
        "             nntrain fit CONFIG training.early_stopping.patience=10\n"
    )


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("optimizer.lr", ["a number above 0", "option of  sgd, adam, adamw", "nntrain fit CONFIG optimizer.lr=0.001"]),
        ("dropout", ["is         a layer", "architecture: {layers: [dropout]}", "see also regularization.dropout"]),
        ("linear.bias", ["true or false", "default    true"]),
        ("validation.loss", ["better     lower", "monitor: validation.loss"]),
        ("patience", ["training.converge.patience", "training.early_stopping.patience"]),
        ("epochs", ["nntrain calls it training.max_epochs"]),
        ("val_acc", ["nntrain calls it validation.accuracy"]),
        ("Dense", ["nntrain calls it linear"]),
        ("CosineAnnealingLR", ["nntrain calls it cosine", "scheduler: cosine"]),
        ("num_workers", ["remove it"]),
        ("data.fields.age.role", ["role"]),
        ("accuracy", ["metrics: [accuracy]"]),
        ("extends", ["extends: base.yaml"]),
        ("env", ["environment variable"]),
        ("${env:NAME}", ["environment variable"]),
        ("role", ["weight", "split", "ignore"]),
        ("weight", ["role: weight"]),
        ("split", ["role: split", "data.split"]),
        ("given", ["split: {by: given}"]),
        ("merge", ["both: {concat: [a, b]}"]),
        ("encode", ["architecture.nodes.*.encode"]),
        ("heads", ["architecture.heads"]),
        ("match", ["optimizer.groups.match", "groups: [{match: head, lr: 0.01}]"]),
        ("architecture.nodes", ["from", "layers", "layer", "encode"]),
        ("nodes", ["nodes.*.from", "heads.*.layers"]),
    ],
)
def test_words_are_explained(word: str, parts: list[str]) -> None:
    text = explain(word)
    assert [part for part in parts if part not in text] == []


def test_an_unknown_word_is_told_with_the_nearest(capsys: Screens) -> None:
    assert cli.main(["help", "optimizer.lrr"]) == 2
    assert "nearest: optimizer.lr" in capsys.readouterr().err


def test_a_command_is_explained_as_its_own_help_does(capsys: Screens) -> None:
    assert cli.main(["help", "fit"]) == 0
    told = capsys.readouterr().out
    assert cli.main(["fit", "--help"]) == 0
    assert told.strip() == capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("processes", ["--processes, an option of nntrain fit", "Train in N processes"]),
        ("--profile", ["--profile, an option of nntrain fit"]),
        ("tune", ["task.*.threshold.tune", "--tune, an option of nntrain fit"]),
        ("split", ["role: split", "--split, an option of nntrain eval"]),
    ],
)
def test_an_option_of_a_command_is_explained(word: str, parts: list[str], capsys: Screens) -> None:
    assert cli.main(["help", word]) == 0
    out = capsys.readouterr().out
    assert [part for part in parts if part not in out] == []


def test_an_option_with_dashes_is_no_setting(capsys: Screens) -> None:
    assert cli.main(["help", "--tune"]) == 0
    assert "threshold" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--seeds", "x"], "--seeds x: needs a whole number from 2"),
        (["--folds=1.5"], "--folds 1.5: needs a whole number from 2"),
        (["--processes", "two"], "--processes two: needs a whole number from 1"),
    ],
)
def test_a_number_that_is_none_is_told_in_our_words(options: list[str], told: str, capsys: Screens) -> None:
    assert cli.main(["fit", "a.yaml", *options]) == 2
    assert capsys.readouterr().err.strip() == told


def test_what_options_of_fit_exclude_and_how_machines_are_used(capsys: Screens) -> None:
    assert cli.main(["fit", "--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "not beside --seeds, --folds, --tune, --profile, --smoke" in out
    assert "compile" in out
    assert "torchrun --nnodes 2 --nproc-per-node 8" in out


def test_without_a_word_the_sections_are_listed(capsys: Screens) -> None:
    assert cli.main(["help"]) == 0
    out = capsys.readouterr().out
    assert all(section in out for section in ("data", "architecture", "training"))


def test_every_word_is_explained_in_full() -> None:
    content = catalogue()
    for word in words(content):
        text = explain(word)
        shown = wrapped(text)
        assert [line for line in shown.splitlines() if len(line) > 80 and "nntrain fit CONFIG" not in line] == []
        assert shown.split() == text.split()
        assert text.splitlines()[0].strip()
        assert len(text.splitlines()) > 1, word
        assert re.search(r"\bany value\b", text) is None, word
