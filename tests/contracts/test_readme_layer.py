"""The layer that the README adds is one class, one table line and one contract row, and keeps every law."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import layer_cases
import pytest
import test_layers
from layer_cases import Case

from nntrain.layers import settings
from nntrain.schema import load_class


def blocks(repository: Path) -> list[str]:
    """The code blocks under `Adding a layer`: the class, the table line, the contract row."""
    section = (repository / "README.md").read_text(encoding="utf-8").split("## Adding a layer")[1].split("\n## ")[0]
    return re.findall(r"```(?:python|diff)\n[+]?(.*?)```", section, re.DOTALL)


@pytest.fixture
def case(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """The README's layer, added as the README says."""
    source, line, row = blocks(repository)
    module = ModuleType("nntrain.layers.hardshrink")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(source, "README.md", "exec"), module.__dict__)
    tag, target = re.findall(r'"([^"]+)"', line)
    monkeypatch.setitem(settings.LAYERS, tag, target)
    found = eval(row.strip().rstrip(","), vars(layer_cases))
    assert isinstance(found, Case)
    return found


def test_layer_of_the_readme_keeps_every_law(case: Case) -> None:
    test_layers.test_written_form_survives_yaml(case)
    test_layers.test_spec_is_what_comes_out(case)
    test_layers.test_parameter_shapes_are_the_modules(case)
    test_layers.test_other_specs_are_refused_in_words_or_work(case)
    test_layers.test_gradient_reaches_every_parameter(case)
    test_layers.test_weights_survive_a_checkpoint(case)
    test_layers.test_each_use_has_its_own_module(case)
    test_layers.test_evaluation_draws_no_numbers(case)
    for training in (True, False):
        test_layers.test_input_is_left_as_it_was(case, training)
        test_layers.test_padding_law(case, training)
    test_layers.test_lengths_follow_time(case)
    load_class.cache_clear()
