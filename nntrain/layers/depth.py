"""Where a parameter stands in a network: how far below the output, and whether it is the weight matrix of a hidden layer. Torch-free."""

from __future__ import annotations

import re
from typing import Final

from nntrain.layers.program import Program, Step

_BLOCK: Final = re.compile(r"(.*?[_.]\d+)\..*")
"""The name of a step inside a numbered block: `encoder.block_3.linear_1`."""

_TABLES: Final = {"embedding", "embedding_bag", "position_embedding", "class_token"}


def layer_depths(program: Program) -> dict[str, int]:
    """How many layers lie above each parameter, by its name: 0 at the output.

    Layers are counted in the order of the steps. A layer is a step with a weight of two axes or more, together with the norms and
    scales that follow it; the steps of an item that has steps inside (a residual block), or of a numbered block of a family, are one
    layer; so are all the layers that the tasks add.
    """
    place: dict[str, int] = {}
    number, last = -1, None
    for step in program.steps:
        if not step.parameter_shapes:
            continue
        block = _block(step)
        is_matrix = any(len(shape) > 1 for shape in step.parameter_shapes.values())
        begins = is_matrix if block is None else block != last
        number += begins or number < 0
        last = block
        place |= {f"{step.name}.{name}": number for name in step.parameter_shapes}
    return {name: number - own for name, own in place.items()}


def hidden_matrices(program: Program) -> tuple[str, ...]:
    """Names of the 2-d weights of hidden layers: neither embeddings nor what makes an output of the network."""
    ends = {value.step for value in program.outputs.values()}
    return tuple(
        f"{step.name}.{name}"
        for step in program.steps
        if step.stage == "body" and step.name not in ends and step.layer.type not in _TABLES
        for name, shape in step.parameter_shapes.items()
        if len(shape) == 2 and "bias" not in name.split("_")
    )


def _block(step: Step) -> str | None:
    if step.stage == "head":
        return "head"
    lists = [index for index, part in enumerate(step.path) if isinstance(part, int)]
    if len(lists) > 1:  # an item of an item
        return repr(step.path[: lists[0] + 1])
    found = _BLOCK.fullmatch(step.name)
    return None if found is None else found[1]
