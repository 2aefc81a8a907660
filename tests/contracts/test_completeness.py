"""Every layer has a row in the table of contracts, and every component says its tag and its options."""

from __future__ import annotations

import pytest
from every_layer import CASES

from nntrain.architectures.settings import ARCHITECTURES, FAMILIES
from nntrain.config.documentation.catalogue import attribute_docstrings
from nntrain.data.audio.settings import AUDIO_AUGMENTATIONS, AUDIO_FEATURES
from nntrain.data.augmentation.settings import AUGMENTATIONS
from nntrain.data.settings import FIELDS, SOURCES
from nntrain.data.tokenizing.settings import TOKENIZERS
from nntrain.exporting.settings import FORMATS
from nntrain.layers.encoding import ENCODINGS
from nntrain.layers.initializer import INITIALIZERS
from nntrain.layers.settings import LAYERS
from nntrain.losses.settings import LOSSES
from nntrain.metrics.settings import METRICS
from nntrain.optimizers.settings import OPTIMIZERS
from nntrain.protocols.settings import PROTOCOLS
from nntrain.schedules.settings import SCHEDULES
from nntrain.schema import load_class
from nntrain.tasks.settings import TASKS
from nntrain.tracking.settings import TRACKERS

COMPONENTS = [
    (tag, target)
    for table in (
        ARCHITECTURES,
        AUDIO_AUGMENTATIONS,
        AUDIO_FEATURES,
        AUGMENTATIONS,
        ENCODINGS,
        FIELDS,
        FORMATS,
        INITIALIZERS,
        LAYERS,
        LOSSES,
        METRICS,
        OPTIMIZERS,
        PROTOCOLS,
        SCHEDULES,
        SOURCES,
        TASKS,
        TOKENIZERS,
        TRACKERS,
    )
    for tag, target in table.items()
]


WRITING = ("encoder_decoder", "transformer_decoder")
"""Families that read what they are told of a target, which no layer by itself is: tests/unit/tasks/test_written_texts.py has their laws."""


@pytest.mark.parametrize("tag", [tag for tag in (*LAYERS, *FAMILIES) if tag not in WRITING])
def test_layer_has_a_row(tag: str):
    shown = {case.stands_for or case.tag for case in CASES}
    assert tag in shown, f"add a row for {tag} to tests/contracts/layer_cases.py"


@pytest.mark.parametrize(("tag", "target"), COMPONENTS)
def test_class_says_its_tag_and_options(tag: str, target: str):
    component = load_class(target)
    assert component.model_fields["type"].default == tag
    assert component.__doc__, "the docstring is the layer's help text"
    undocumented = {option.alias or name for name, option in component.model_fields.items()} - {"type", *attribute_docstrings(component)}
    assert undocumented == set()
    assert component.main is None or component.main in component.model_fields
