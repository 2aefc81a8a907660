"""Every component has a row in the table of its contracts."""

from __future__ import annotations

import pytest
from layer_cases import CASES

from nntrain.architectures.settings import FAMILIES
from nntrain.layers.settings import LAYERS
from nntrain.schema import load_class

TABLES = {**LAYERS, **FAMILIES}


@pytest.mark.parametrize("tag", TABLES)
def test_layer_has_a_row(tag: str):
    shown = {case.stands_for or case.tag for case in CASES}
    assert tag in shown, f"add a row for {tag} to tests/contracts/layer_cases.py"


@pytest.mark.parametrize("tag", TABLES)
def test_class_says_its_tag(tag: str):
    component = load_class(TABLES[tag])
    assert component.model_fields["type"].default == tag
    assert component.__doc__, "the docstring is the layer's help text"
    undocumented = [name for name, option in component.model_fields.items() if name not in {"type"} and not option.description]
    assert undocumented == []
    assert component.main is None or component.main in component.model_fields
