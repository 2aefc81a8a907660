import json
from typing import Any

import pytest

from nntrain.config import loading, rendering
from nntrain.config.reading import Config, read_mapping, rendered
from nntrain.errors import ConfigError, Problem


def test_a_problem_is_shown_with_its_line_underlined() -> None:
    document = loading.parse("data: {source: a.csv}\noptimizer: {lr: 3}\n", "a.yaml")
    screen = rendering.error([Problem(("optimizer", "lr"), "is too high", "fix:  lr: 0.1")], document).message
    assert screen == (
        "a.yaml has 1 problem                                                 (exit 2)\n\n"
        "a.yaml:2:17   optimizer.lr    is too high\n"
        "    2 | optimizer: {lr: 3}\n"
        "      |                 ^\n"
        "   fix:  lr: 0.1"
    )


def test_wide_characters_take_two_columns() -> None:
    document = loading.parse("name: 学習率 # x\nseed: {学: 1}\n", "a.yaml")
    lines = rendering.error([Problem(("name",), "m"), Problem(("seed", "学"), "m")], document).message.splitlines()
    assert lines[4] == "      |       ^^^^^^"
    assert lines[8] == "      |            ^"


def test_long_lines_are_shown_around_the_fault() -> None:
    document = loading.parse(f"a: [{'x, ' * 100}here]\n", "a.yaml")
    line, carets = rendering.error([Problem(("a", 100), "m")], document).message.splitlines()[3:5]
    assert line.index("here") == carets.index("^^^^")
    assert line.count("…") == 1


def test_many_problems_are_cut_off_on_the_screen_but_not_in_json() -> None:
    fields = {f"c{number}": {"type": "number", "strip": 3} for number in range(60)}
    with pytest.raises(rendering.LocatedError) as caught:
        read_mapping({"data": {"source": "a.csv", "fields": fields}})
    assert str(caught.value).endswith("\n\n… and 10 more")
    assert "has 60 problems" in str(caught.value)
    assert len(caught.value.as_json()) == 60


def test_json_has_the_place_of_each_problem() -> None:
    with pytest.raises(ConfigError) as caught:
        read_mapping({"data": {"source": "a.csv"}, "training": {"epochs": 3}}, ["optimizer.lr=x"])
    found: list[dict[str, Any]] = json.loads(json.dumps(rendering.error_as_json(caught.value)))
    assert found[0] == {
        "file": "<config>",
        "line": 4,
        "column": 3,
        "path": "training.epochs",
        "message": "not a setting",
        "hint": "nntrain calls it max_epochs          fix:  max_epochs: 3",
    }
    assert found[1]["file"] == 'override "optimizer.lr=x"'


def test_an_error_without_places_is_told_without_them() -> None:
    (found,) = rendering.error_as_json(ConfigError([Problem(("a", 1), "m", "h")]))
    assert found == {"file": None, "line": None, "column": None, "path": "a[1]", "message": "m", "hint": "h"}


def test_problems_that_are_found_later_are_told_at_their_place() -> None:
    config: Config = read_mapping({"data": {"source": "a.csv"}, "optimizer": {"type": "adam", "weight_decay": 0.1}})
    error = config.error([Problem(("regularization", "weight_decay"), "has no effect")])
    assert "<config>:5:17   optimizer.weight_decay    has no effect" in str(error)
    assert str(rendered(error.problems, config.document)) == str(error)
