"""Every line that `nntrain help` shows as an example is a config that `nntrain check` reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain import cli
from nntrain.commands.reference import help as help_command
from nntrain.config import loading
from nntrain.config.documentation import examples
from nntrain.config.documentation.catalogue import catalogue
from nntrain.config.documentation.explaining import words
from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError

CONTENT = catalogue()
OPTIONS = {
    (kind, tag): CONTENT.options(CONTENT.definition(CONTENT.component(kind, tag)), (tag,), tag)
    for kind, slot in CONTENT.slots.items()
    for tag in slot.table
}
OVERRIDE = "nntrain fit CONFIG "


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The base and the variable that examples speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA", "folder")
    Path("base.yaml").write_text("seed: 1\n", encoding="utf-8")


def shown(text: str) -> list[str]:
    """The examples on a screen of `nntrain help`."""
    found: list[str] = []
    is_example = False
    for line in text.splitlines():
        is_example = line.startswith("  example ") or (is_example and line.startswith(" " * 13))
        if not is_example:
            continue
        if found and not line.startswith("  example ") and not line[13:].startswith(OVERRIDE):
            found[-1] += " " + line[13:].strip()
        else:
            found.append(line[13:])
    return found


def check(line: str) -> None:
    """Read an example over the shortest config."""
    data: dict[str, Any] = {"source": "a.csv", "target": "y"}
    if line.startswith(OVERRIDE):
        read_mapping({"data": data}, [line.removeprefix(OVERRIDE)])
        return
    tree = loading.parse(line, "example").tree
    read_mapping({**tree, "data": {**data, **tree.get("data", {})}})


@pytest.mark.parametrize("word", [word for word in words(CONTENT) if word != "plugins"])
def test_every_setting_or_component_has_an_example_which_is_read(word: str) -> None:
    lines = shown(help_command.run(word))
    assert lines or word.startswith(("test.", "train."))  # what is measured, and not set
    for line in lines:
        check(line)


def test_the_example_of_plugins_is_read_and_asks_for_consent() -> None:
    lines = shown(help_command.run("plugins"))
    assert lines
    for line in lines:
        with pytest.raises(ConfigError, match="code runs only by your consent"):
            check(line)


@pytest.mark.parametrize(("kind", "tag"), OPTIONS)
def test_the_example_of_each_option_is_read(kind: str, tag: str) -> None:
    for option in OPTIONS[kind, tag]:
        line = examples.of_option(CONTENT, kind, option)
        assert line is not None or kind == "protocol", option.name
        if line is not None:
            check(line)


def test_written_examples_are_of_something() -> None:
    known = {*words(CONTENT), *(option.name for options in OPTIONS.values() for option in options)}
    assert sorted(set(examples.WRITTEN) - known) == []


OWN_DATA = ("data.", "csv.", "image.", "parquet.", "architecture.init", "architecture.pretrained", "by_node")
"""What the examples begin with that name data, trained weights, or nodes of their own."""


@pytest.mark.parametrize("word", [word for word in examples.WRITTEN if word != "concat.axis" and not word.startswith(OWN_DATA)])
def test_examples_that_are_written_by_hand_fit_a_table(word: str) -> None:
    rows = "".join(f"{row * 7 % 11 / 10},{'rgb'[row % 3]},{row * 1.5}\n" for row in range(30))
    Path("t.csv").write_text(f"size,color,price\n{rows}", encoding="utf-8")
    data, written = "data: {source: t.csv, target: price}", examples.WRITTEN[word]
    config = f"{{{data}, {written[1:]}" if written.startswith("{") else f"{data}\n{written}"
    Path("a.yaml").write_text(f"{config}\n", encoding="utf-8")
    assert cli.main(["check", "a.yaml"]) == 0
