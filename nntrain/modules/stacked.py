"""Several networks of one shape, run at once: linear layers as one batched product, whatever has no weights on the rows of all.

Values are those of all members one behind another, `[M * B, …]`: M members, B rows each. What a member computes depends on its own
numbers, its place and M, never on the numbers of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from nntrain.modules.activation import GatedUnit, LargestOf, PartlyActivated
from nntrain.modules.convolution import PaddedConv2d, PaddedConv3d, SequenceConv1d
from nntrain.modules.dropping import SharedDropout
from nntrain.modules.inputs import ColumnEmbedding, OneHot, OneHotIndex, SelectColumns, SingleColumn
from nntrain.modules.merging import Concatenate, Fold
from nntrain.modules.network import Call, Network
from nntrain.modules.normalization import ChannelLayerNorm, ChannelRMSNorm, FeatureBatchNorm, ImageBatchNorm, VolumeBatchNorm
from nntrain.modules.ntk import NTKLinear, NTKLinearOfRows, ZeroNTKLinear
from nntrain.modules.number_embedding import Periodic, PiecewiseLinear
from nntrain.modules.pooling import SequenceAvgPool, SequenceMaxPool
from nntrain.modules.scaling import LearnedScale

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
        *(Periodic, PiecewiseLinear, LearnedScale, PartlyActivated, NTKLinear, NTKLinearOfRows, ZeroNTKLinear),
        *(nn.LayerNorm, nn.RMSNorm, ChannelLayerNorm, ChannelRMSNorm, FeatureBatchNorm, ImageBatchNorm, VolumeBatchNorm),
    }
)
"""Modules that are called for each member, with its own weights and running statistics."""

DRAWING: Final = frozenset({nn.Dropout, SharedDropout})
"""Modules that draw random numbers, each member's from its own."""


_KNOWN: Final = BATCHED | BY_ROW | CURVED | BY_MEMBER | DRAWING


@cache
def is_exact(members: int, rows: int, inputs: int, outputs: int, *, has_bias: bool) -> bool:
    """Whether batched products of linear layers, forward and backward, have the bits of single ones, tried with random numbers.

    They may round otherwise, as another kernel computes them: torch's own loop for small ones, or another one of the processor's library.
    Which sizes that concerns differs from processor to processor.
    """
    generator = torch.Generator().manual_seed(0)
    shapes = ((rows, inputs), (outputs, inputs), (outputs,), (rows, outputs))
    with torch.inference_mode(mode=False), torch.enable_grad():
        x, weight, offset, slope = (torch.randn(members, *sizes, generator=generator) for sizes in shapes)
        bias = offset if has_bias else None
        leaves = [tensor.requires_grad_() for tensor in (x, weight, *([offset] if has_bias else []))]
        found = [linears(x, weight, bias), _single_linears(x, weight, bias)]
        pairs = zip(*((each, *torch.autograd.grad(each, leaves, slope)) for each in found), strict=True)
        return all(torch.equal(one, other) for one, other in pairs)


def linears(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Linear layers of members as one batched product: rows `[M, B, F]`, weights `[M, O, F]`, biases `[M, O]`; gives `[M, B, O]`."""
    return cast("Tensor", _Linears.apply(rows, weight, bias))


class _Linears(torch.autograd.Function):
    """The same, with the gradients that a single layer computes.

    Torch's own of a batch has that of the weights transposed, which many processors round otherwise, and which is copied once more.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return torch.bmm(rows, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), rows, weight.mT)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        slope = cast("Tensor", grad_outputs[0])
        rows, weight = cast("tuple[Tensor, Tensor]", ctx.saved_tensors)
        wanted = cast("tuple[bool, bool, bool]", ctx.needs_input_grad)
        return (
            torch.bmm(slope, weight) if wanted[0] else None,
            torch.bmm(slope.mT, rows) if wanted[1] else None,
            slope.sum(1) if wanted[2] else None,
        )


def _single_linears(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The same, one product for each."""
    offsets = [None] * len(rows) if bias is None else bias.unbind()
    return torch.stack([linear(*each) for each in zip(rows.unbind(), weight.unbind(), offsets, strict=True)])


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
            return f"layer {call.name} can't be computed for several networks at once"
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


class Draws:
    """The random numbers of a member: what a run of its own draws from torch's global generator."""

    def __init__(self, state: Tensor) -> None:
        """Go on from a state of that generator."""
        self.generator = torch.Generator()
        self.state = state

    @property
    def state(self) -> Tensor:
        """The state of the global generator, as it would be in a run of its own."""
        return self.generator.get_state()

    @state.setter
    def state(self, state: Tensor) -> None:
        """Go on from another state."""
        self.generator.set_state(state)


@dataclass(frozen=True, slots=True)
class _Drawing:
    """A module that draws what it multiplies by."""

    module: Any

    def shape(self, x: Tensor, members: int) -> tuple[int, ...]:
        """Of what is drawn for the rows of one member."""
        sizes = (len(x) // members, *x.shape[1:])
        if isinstance(self.module, SharedDropout):
            return tuple(size if axis in {0, self.module.kept} else 1 for axis, size in enumerate(sizes))
        return sizes


class StackedNetworks:
    """Runs the programs of networks at once, which are all in training or in evaluation mode."""

    def __init__(self, networks: Sequence[Network], batched: Mapping[int, Tensor], draws: Sequence[Draws | None]) -> None:
        """Keep what is run.

        Args:
            networks: The networks of the members.
            batched: For each of `batched_parameters` of the first network, by its id, that of all members `[M, …]`.
            draws: The random numbers of each member; `None` for a place that is computed on for nobody.
        """
        first = networks[0]
        self._networks = networks
        self._wiring = first.wiring
        self._members = len(networks)
        self._draws = draws
        self._drawing: dict[int, list[tuple[_Drawing, tuple[int, ...]]]] = {}
        """By the rows of a member, what drops numbers, and the shapes of what is drawn for it."""
        self._calls = [
            self._form(call, [network.wiring.calls[place].module for network in networks], batched)
            for place, call in enumerate(self._wiring.calls)
        ]

    @property
    def is_shared(self) -> bool:
        """Whether all that has weights is one call for all members; what is called for each may round parts of a tensor otherwise."""
        return not any(isinstance(run, partial) and run.func == self._by_member for _, run in self._calls)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the tensors that are read."""
        return self._wiring.keys

    def __call__(self, inputs: Mapping[str, Tensor], factors: Sequence[Tensor] | None = None) -> dict[str, Tensor]:
        """Run all steps on the rows of all members, `[M * B, …]`; the outputs likewise. `factors` are those of `drawn`, else drawn now."""
        values = [inputs[key] for key in self._wiring.keys]
        given = None if factors is None else iter(factors)
        drawing: list[tuple[_Drawing, tuple[int, ...]]] = []
        for call, run in self._calls:
            x = values[call.source]
            if isinstance(run, _Drawing) and not run.module.training:
                values.append(x)
            elif isinstance(run, _Drawing):
                drawing.append((run, run.shape(x, self._members)))
                values.append(x * (self._factors(*drawing[-1]) if given is None else next(given)))
            else:
                values.append(run(x, *(values[place] for place in call.side)))
        if self._networks[0].training:
            self._drawing[len(values[0]) // self._members] = drawing
        return {name: values[place] for name, place in self._wiring.outputs}

    def drawn(self, rows: int) -> list[Tensor] | None:
        """What the next run on as many rows of each member multiplies by, `[M * B, …]` each; `None` before the first of them."""
        drawing = self._drawing.get(rows)
        return None if drawing is None else [self._factors(run, shape) for run, shape in drawing]

    def _factors(self, run: _Drawing, shape: tuple[int, ...]) -> Tensor:
        """What dropout makes of ones `[B, …]`: as many draws, in the same order, as a run of its own makes: none where nothing drops."""
        found, p = torch.ones((self._members, *shape)), cast("float", run.module.p)
        if p == 0:
            return found.flatten(0, 1)
        for draws, own in zip(self._draws, found, strict=True):
            if draws is not None:
                own.bernoulli_(1 - p, generator=draws.generator)
        return found.div_(1 - p).flatten(0, 1)

    def _form(self, call: Call, modules: list[nn.Module], batched: Mapping[int, Tensor]) -> tuple[Call, Callable[..., Tensor] | _Drawing]:
        module, kind = modules[0], type(modules[0])
        if kind in DRAWING:  # where nothing drops yet, it may later in the run
            return call, _Drawing(module)
        if kind in BY_ROW:
            return call, module
        if kind in CURVED:
            return call, partial(self._curved, modules)
        if kind in BATCHED and all(id(parameter) in batched for parameter in module.parameters()):
            own = dict(module.named_parameters(recurse=False))
            weight, bias = (batched[id(own[name])] if name in own else None for name in ("weight", "bias"))
            return call, partial(self._linear, weight, bias)
        return call, partial(self._by_member, modules)

    def _linear(self, weight: Any, bias: Tensor | None, x: Tensor) -> Tensor:
        rows = x.reshape(self._members, -1, x.shape[-1])
        product = linears if is_exact(*rows.shape, weight.shape[1], has_bias=bias is not None) else _single_linears
        return product(rows, weight, bias).view(*x.shape[:-1], weight.shape[1])

    def _curved(self, modules: Sequence[nn.Module], x: Tensor) -> Tensor:
        return self._by_member(modules, x) if x.numel() // self._members % _WHOLE else modules[0](x)

    def _by_member(self, modules: Sequence[nn.Module], x: Tensor, *side: Tensor) -> Tensor:
        parts = zip(modules, self._draws, *(value.chunk(self._members) for value in (x, *side)), strict=True)
        found = [None if draws is None else module(*part) for module, draws, *part in parts]
        stand_in = next(value for value in found if value is not None).detach()
        return torch.cat([stand_in if value is None else value for value in found])
