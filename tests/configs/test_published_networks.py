"""Networks of papers and tutorials in the language of configs have the parameters that the originals have."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from nntrain.architectures.compiling import compile_program
from nntrain.config import loading, nodes
from nntrain.config.document import Document
from nntrain.config.reading import read_document
from nntrain.errors import ConfigError
from nntrain.specs import IMAGE, VECTOR, Spec

CIFAR = Spec(IMAGE, (3, 32, 32))
MNIST = Spec(IMAGE, (1, 28, 28))

PUBLISHED = {
    "55_vgg16": (Spec(IMAGE, (3, 224, 224)), 1000, 138_357_544),
    "56_googlenet_inception": (CIFAR, 10, 6_166_250),
    "57_densenet121": (CIFAR, 10, 6_956_298),
    "58_mobilenet_v2": (CIFAR, 10, 2_296_922),
    "61_tcn_pixel_mnist": (MNIST, 10, 66_910),
}
"""Name of the config, what comes in, classes, and the original's number of parameters."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_has_its_parameters(name: str, shared: Path) -> None:
    path = shared / "examples" / f"{name}.yaml"
    if not path.is_file():
        pytest.skip("needs the configs in ../shared/examples")
    image, classes, parameters = PUBLISHED[name]
    config = read_document(_with_a_table(path), (), path.parent)
    assert config.experiment.architecture is not None
    try:
        program = compile_program(config.experiment.architecture, {"image": image}, {"label": Spec(VECTOR, (classes,), "logits")})
    except ConfigError as error:
        raise config.error(error.problems) from None
    assert program.num_parameters == parameters


def _with_a_table(path: Path) -> Document:
    """The config with data that ships: the network is what counts here."""
    document = loading.load(path)
    root, data = nodes.of(document), nodes.of(loading.parse("data: {source: a.csv, target: y}", "data"))
    assert root.mapping is not None
    assert data.mapping is not None
    root.mapping["data"] = data.mapping["data"]
    return dataclasses.replace(nodes.document(root, document), text=document.text)
