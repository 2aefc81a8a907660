"""Several networks of one shape, run at once: linear layers as one batched product, whatever has no weights on the rows of all.

Values are those of all members one behind another, `[M * B, …]`: M members, B rows each. What a member computes depends on its own
numbers, its place and M, never on the numbers of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, linear

from nntrain.modules.activation import GatedUnit, LargestOf
from nntrain.modules.convolution import PaddedConv2d, PaddedConv3d, SequenceConv1d
from nntrain.modules.dropping import SharedDropout
from nntrain.modules.inputs import ColumnEmbedding, OneHot, OneHotIndex, SelectColumns, SingleColumn
from nntrain.modules.merging import Concatenate, Fold
from nntrain.modules.network import Call, Network
from nntrain.modules.normalization import ChannelLayerNorm, ChannelRMSNorm, FeatureBatchNorm, ImageBatchNorm, VolumeBatchNorm
from nntrain.modules.pooling import SequenceAvgPool, SequenceMaxPool

BATCHED: Final = frozenset({nn.Linear})
"""Modules that are one product for all members."""

BY_ROW: Final = frozenset(
    {
        *(nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Threshold, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Hardshrink),
        *(nn.Softshrink, nn.Softsign, nn.Flatten, nn.Unflatten, nn.PixelShuffle, nn.PixelUnshuffle, Concatenate, Fold, LargestOf),
        *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
        *(SequenceMaxPool, SequenceAvgPool, SelectColumns, SingleColumn, OneHot, OneHotIndex),
    }
)
"""Modules without weights that treat each row by itself: they take the rows of all members."""

CURVED: Final = frozenset(
    {
        *(nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Tanhshrink),
        GatedUnit,
    }
)
"""The same with exponentials, which are rounded otherwise at the end of a tensor, where numbers are computed one by one."""

_WHOLE: Final = 32
"""Numbers that a processor computes in one go; exponentials of so many, or a multiple, have no end that is rounded otherwise."""

BY_MEMBER: Final = frozenset(
    {
        *(nn.Conv2d, nn.Conv3d, SequenceConv1d, PaddedConv2d, PaddedConv3d, nn.Embedding, ColumnEmbedding),
        *(nn.LayerNorm, nn.RMSNorm, ChannelLayerNorm, ChannelRMSNorm, FeatureBatchNorm, ImageBatchNorm, VolumeBatchNorm),
    }
)
"""Modules that are called for each member, with its own weights and running statistics."""

DRAWING: Final = frozenset({nn.Dropout, SharedDropout})
"""Modules that draw random numbers, each member's from its own."""


_KNOWN: Final = BATCHED | BY_ROW | CURVED | BY_MEMBER | DRAWING

_SMALL: Final = 400
"""Multiplications below which torch computes a batched product by a loop of its own, which rounds otherwise than a single product; so does
the product of a matrix and a vector."""


def obstacle(network: nn.Module) -> str | None:
    """Why networks like this one are not run at once; `None` where they are."""
    if not isinstance(network, Network):
        return f"{type(network).__name__} is no list of layers"
    wiring = network.wiring
    if wiring.length_keys:
        return "rows differ in length"
    if wiring.loss_parts:
        return "layers add to the loss"
    for call in wiring.calls:
        kind = type(call.module)
        if call.state is not None or call.extras or call.named or kind not in _KNOWN:
            return f"{call.name} ({kind.__name__}) is run for one network at a time"
    return None


def batched_parameters(network: Network) -> list[nn.Parameter]:
    """The parameters that are read as tensors of all members: those of batched layers, but where another kind of module has them too."""
    kinds: dict[int, set[bool]] = {}
    found: dict[int, nn.Parameter] = {}
    for call in network.wiring.calls:
        for parameter in call.module.parameters():
            kinds.setdefault(id(parameter), set()).add(type(call.module) in BATCHED)
            found[id(parameter)] = parameter
    return [parameter for key, parameter in found.items() if kinds[key] == {True}]


@dataclass(slots=True)
class Draws:
    """The random numbers of a member: the state of torch's global generator, as a run of its own has it."""

    state: Tensor


class StackedNetworks:
    """Runs the programs of networks at once, in training mode."""

    def __init__(self, networks: Sequence[Network], batched: Mapping[int, Tensor], draws: Sequence[Draws | None]) -> None:
        """Keep what is run.

        Args:
            networks: The networks of the members.
            batched: For each of `batched_parameters` of the first network, by its id, that of all members `[M, …]`.
            draws: The random numbers of each member; `None` for a place that is computed on for nobody.
        """
        first = networks[0]
        self._wiring = first.wiring
        self._members = len(networks)
        self._draws = draws
        self._calls = [
            self._form(call, [network.wiring.calls[place].module for network in networks], batched)
            for place, call in enumerate(self._wiring.calls)
        ]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the tensors that are read."""
        return self._wiring.keys

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run all steps on the rows of all members, `[M * B, …]`; the outputs likewise."""
        values = [inputs[key] for key in self._wiring.keys]
        for call, run in self._calls:
            values.append(run(values[call.source], *(values[place] for place in call.side)))
        return {name: values[place] for name, place in self._wiring.outputs}

    def _form(self, call: Call, modules: list[nn.Module], batched: Mapping[int, Tensor]) -> tuple[Call, Callable[..., Tensor]]:
        module, kind = modules[0], type(modules[0])
        if kind in DRAWING:
            return call, partial(self._dropped, module)
        if kind in BY_ROW:
            return call, module
        if kind in CURVED:
            return call, partial(self._curved, modules)
        if kind in BATCHED and all(id(parameter) in batched for parameter in module.parameters()):
            own = dict(module.named_parameters(recurse=False))
            weight, bias = (batched[id(own[name])] if name in own else None for name in ("weight", "bias"))
            return call, partial(self._linear, weight, bias)
        return call, partial(self._by_member, modules)

    def _linear(self, weight: Any, bias: Any, x: Tensor) -> Tensor:
        rows = x.reshape(self._members, -1, x.shape[-1])
        if rows[0].numel() * weight.shape[1] < _SMALL or 1 in (*rows.shape[1:], weight.shape[1]):
            offsets = [None] * self._members if bias is None else bias.unbind()
            found = torch.stack([linear(*each) for each in zip(rows.unbind(), weight.unbind(), offsets, strict=True)])
            return found.view(*x.shape[:-1], found.shape[-1])
        found = torch.bmm(rows, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), rows, weight.mT)
        return found.view(*x.shape[:-1], found.shape[-1])

    def _curved(self, modules: Sequence[nn.Module], x: Tensor) -> Tensor:
        return self._by_member(modules, x) if x.numel() // self._members % _WHOLE else modules[0](x)

    def _by_member(self, modules: Sequence[nn.Module], x: Tensor, *side: Tensor) -> Tensor:
        parts = zip(modules, self._draws, *(value.chunk(self._members) for value in (x, *side)), strict=True)
        found = [None if draws is None else module(*part) for module, draws, *part in parts]
        stand_in = next(value for value in found if value is not None).detach()
        return torch.cat([stand_in if value is None else value for value in found])

    def _dropped(self, module: Any, x: Tensor) -> Tensor:
        """Dropout multiplies by what it makes of ones: as many draws, in the same order, as a run of its own makes."""
        if module.p == 0:
            return x
        shape = [len(x) // self._members, *x.shape[1:]]
        if isinstance(module, SharedDropout):
            shape = [size if axis in {0, module.kept} else 1 for axis, size in enumerate(shape)]
        ones = torch.ones(shape, dtype=x.dtype)
        factors: list[Tensor] = []
        for draws in self._draws:
            if draws is None:
                factors.append(ones)
                continue
            torch.set_rng_state(draws.state)
            factors.append(dropout(ones, module.p))
            draws.state = torch.get_rng_state()
        return x * torch.cat(factors)
