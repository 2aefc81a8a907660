"""A forward pass keeps no value that nobody reads any more."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.modules.network import Call, Network, Wiring


class Watching(nn.Module):
    """Adds 1, and notes which of the tensors that were made before are still there."""

    def __init__(self, made: list[Callable[[], Any]], alive: list[int]) -> None:
        super().__init__()
        self._made, self._alive = made, alive

    def forward(self, value: Tensor) -> Tensor:
        self._alive.append(sum(made() is not None for made in self._made))
        found = value + 1
        self._made.append(weakref.ref(found))
        return found


def test_values_are_given_up_after_their_last_reader_and_outputs_never() -> None:
    made: list[Callable[[], Any]] = []
    alive: list[int] = []
    sources = (0, 1, 2, 1, 4)  # value 1 is read again by the fourth call, value 3 is an output
    calls = tuple(
        Call(module=Watching(made, alive), name=f"step_{place}", source=source, side=(), lengths=None, state=None, extras=0)
        for place, source in enumerate(sources)
    )
    wiring = Wiring(("x",), calls, (("early", 3), ("late", 5)), (), (), ())
    network = Network(wiring)
    with torch.inference_mode():
        outputs, _ = network({"x": torch.zeros(2)})
    assert {name: value.tolist() for name, value in outputs.items()} == {"early": [3.0, 3.0], "late": [3.0, 3.0]}
    assert alive == [0, 1, 2, 2, 2], "values 1 and 2; 1 and 3; 3 and 4"
    assert torch.equal(network({"x": torch.ones(1)})[0]["late"], torch.tensor([4.0]))
