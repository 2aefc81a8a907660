"""What a network attends to: the weights of all self-attention, followed from the last layer back to the first (Abnar & Zuidema, 2020)."""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.errors import UsageError
from nntrain.insight.attributing import Rows
from nntrain.insight.settings import ALWAYS
from nntrain.modules.attention import SelfAttention
from nntrain.modules.network import Network
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK

INSTEAD = f"these do: --method {', '.join(ALWAYS)}"


def attended(rows: Rows, network: Network) -> Tensor:
    """How much each part is attended to, float64 `[B, P]`; the shares of a row add up to 1.

    Raises:
        UsageError: There is no attention, or its steps are no parts of an input.
    """
    modules = [call.module for call in network.wiring.calls if isinstance(call.module, SelfAttention)]
    if not modules:
        raise UsageError("attention shows what the layers of attention look at, and the network has none", INSTEAD)
    with _recorded(modules) as weights, torch.no_grad():
        rows.entrance.outputs(rows.values, rows.others, network)
    flow = _flow(weights)
    return _by_part(rows, flow)


@contextmanager
def _recorded(modules: list[SelfAttention]) -> Generator[list[Tensor]]:
    """The weights `[B, T, T]` of each call, the mean over heads."""
    found: list[Tensor] = []

    def recording(module: SelfAttention) -> Any:
        attend = module.attend

        def recorded(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, *, is_causal: bool = False) -> Tensor:
            found.append(_weights(queries, keys, mask, is_causal=is_causal))
            return attend(queries, keys, values, mask, is_causal=is_causal)

        return recorded

    try:
        for module in modules:
            module.__dict__["attend"] = recording(module)
        yield found
    finally:
        for module in modules:
            module.__dict__.pop("attend", None)


def _weights(queries: Tensor, keys: Tensor, mask: Tensor | None, *, is_causal: bool) -> Tensor:
    keys = keys.repeat_interleave(queries.shape[1] // keys.shape[1], dim=1)
    scores = queries.double() @ keys.double().transpose(2, 3) / math.sqrt(queries.shape[3])
    if is_causal:
        mask = torch.ones(scores.shape[2:], dtype=torch.bool, device=scores.device).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(dim=3).mean(dim=1)


def _flow(weights: list[Tensor]) -> Tensor:
    """From which steps of the input each last step has what it says, `[B, T, T]`: half of it comes past each layer. Raises `UsageError`."""
    if len({each.shape for each in weights}) > 1:
        raise UsageError("attention is followed through layers that see the same steps, and these see others", INSTEAD)
    own = torch.eye(weights[0].shape[1], dtype=torch.float64, device=weights[0].device)
    found = own.expand_as(weights[0])
    for each in weights:
        found = (0.5 * each + 0.5 * own) @ found
    return found


def _by_part(rows: Rows, flow: Tensor) -> Tensor:
    """Steps as parts: those of a text or series, fields of a row, or patches of an image; a step before them is the answer's own."""
    regions, steps = rows.entrance.regions, flow.shape[1]
    if len(regions) == 1 and regions[0].shape:
        shape = regions[0].shape
        grid = _grid(shape, steps)
        if shape[0] in (steps, steps - 1):
            seen = flow[:, 0, 1:] if shape[0] < steps else (flow * _counting(rows, shape).unsqueeze(2)).sum(1)
            inner = math.prod(shape[1:])
            return (seen / inner).unsqueeze(2).expand(-1, -1, inner).flatten(1)
        if grid is not None:
            read = flow[:, 0, 1:] if math.prod(grid) < steps else flow.mean(1)
            found = nn.functional.interpolate(read.reshape(-1, 1, *grid), size=shape, mode="nearest").flatten(1)
            return found / found.sum(1, keepdim=True)
    keys = [region.column.key for region in regions]
    if len(regions) in (steps, steps - 1) and {*keys} <= {NUMBER_BLOCK, CATEGORY_BLOCK}:
        read = flow.mean(1) if len(regions) == steps else flow[:, 0, 1:]
        order = sorted(range(len(keys)), key=lambda place: (keys[place] == CATEGORY_BLOCK, regions[place].column.place or 0))
        return torch.zeros_like(read).index_copy_(1, torch.tensor(order, device=read.device), read)
    raise UsageError("the steps that the network attends to are no parts of a single input", INSTEAD)


def _counting(rows: Rows, shape: tuple[int, ...]) -> Tensor:
    """How much each step of the rows counts where the mean over a row is read, `[B, T]`."""
    there = rows.present.view(len(rows.present), shape[0], -1)[:, :, 0].double()
    return there / there.sum(1, keepdim=True).clamp(min=1)


def _grid(shape: tuple[int, ...], steps: int) -> tuple[int, int] | None:
    """Patches of an image `[H, W]`, as many a side of each; `None` where steps are none."""
    if len(shape) != 2:
        return None
    for count in (steps, steps - 1):
        side = math.isqrt(count * shape[0] // shape[1])
        if side and count % side == 0 and shape[0] % side == 0 and shape[1] % (count // side) == 0:
            return side, count // side
    return None
