"""The answer for a row, shared out among its inputs. The methods are captum's."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from nntrain.errors import UsageError
from nntrain.insight.entrance import Entrance, Read
from nntrain.insight.settings import ALWAYS, Method
from nntrain.modules.network import Network

FIRST_STEPS: Final = 64
"""Points of the way on which gradients are added up; twice as many, and so on, where the shares don't add up to the answer."""
MOST_STEPS: Final = 2048
MOST_NUMBERS: Final = 2**25
"""Numbers that all points of all ways have together, at most; fewer points where rows are large."""
TOLERANCE: Final = 5e-4
"""How far shares may be from their answer, as a part of the largest difference between answers of a row and one that says nothing."""
AT_ONCE: Final = 1024
"""Rows in one pass."""
NUMBERS_AT_ONCE: Final = 2**26
"""Numbers in one pass, of rows that are large."""
NOISES: Final = 25
NOISE: Final = 0.15
"""Standard deviation of the noise of `smoothgrad`, in that of what it is added to."""
EXTRA: Final = "pip install 'nntrain[explain]'"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is explained of the outputs of a network."""

    names: tuple[str, ...]
    """What they say, K classes or values."""
    read: Read
    """As people are told: probabilities, or values in their own unit."""
    score: Read
    """Before that, where probabilities hardly change any more; gradients alone are of these."""
    is_probability: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows at the entrance of a network, and what is asked of them."""

    entrance: Entrance
    values: tuple[Tensor, ...]
    """`[B, …]` at each point."""
    neutral: tuple[Tensor, ...]
    """Of a row that says nothing, `[1, …]` at each point."""
    others: Mapping[str, Tensor]
    answer: Answer
    chosen: Tensor
    """Which of the K answers is explained of each row, int64 `[B]`."""
    present: Tensor
    """Which parts a row has, bool `[B, P]`: none behind its end."""
    steps: int = MOST_STEPS
    """Points of the way on which gradients are added up, at most."""

    def ask(self, values: Sequence[Tensor], network: Network | None = None) -> Tensor:
        """The answer that is explained, were these the values: float64 `[B]`."""
        with torch.no_grad():
            found = self.answer.read(self.entrance.outputs(values, self.others, network))
        return found.double().gather(1, self.chosen.unsqueeze(1)).squeeze(1)

    def used(self) -> Tensor:
        """Which parts of each row differ from those of a row that says nothing, bool `[B, P]`; each row has one at least."""
        differs = [(own != other).double() for own, other in zip(self.values, self.neutral, strict=True)]
        found = (self.entrance.by_part(differs) > 0) & self.present
        return found | ~found.any(dim=1, keepdim=True)

    def without(self, gone: Tensor) -> Tensor:
        """The answer, were some parts, bool `[B, P]`, those of a row that says nothing: float64 `[B]`."""
        return self.ask(self.entrance.replaced(self.values, self.neutral, gone))

    def all_neutral(self) -> tuple[Tensor, ...]:
        """As many rows that say nothing."""
        return tuple(other.expand_as(own) for own, other in zip(self.values, self.neutral, strict=True))


@dataclass(frozen=True, slots=True)
class Shares:
    """What each part of some rows contributes."""

    by_part: Tensor
    """Float64 `[B, P]`."""
    answers: Tensor
    """Float64 `[B]`, in the unit of the answer."""
    neutral: Tensor
    """The answer for rows that say nothing, float64 `[B]`."""
    adds_up: bool
    """Whether the shares of a row are to add up to the difference of both."""

    @property
    def completeness(self) -> Tensor | None:
        """By how much they miss it, float64 `[B]`; `None` where they need not."""
        return (self.by_part.sum(1) - (self.answers - self.neutral)).abs() if self.adds_up else None


def shares_of(rows: Rows, method: Method, seed: int, network: Network | None = None) -> Shares:
    """Share out the answers; of another network of the same program where one is given.

    Raises:
        UsageError: captum is not installed.
    """
    with _gradients(rows.values[0].device):
        found = _METHODS[method](rows, network or rows.entrance.network, seed)
    answers, neutral = rows.ask(rows.values, network), rows.ask(rows.all_neutral(), network)
    found = found.detach().masked_fill(~rows.present, 0.0)
    return Shares(found, answers, neutral, method == "integrated_gradients")


def require_captum() -> Any:
    """The package. Raises `UsageError` where it is not installed."""
    try:
        from captum import attr
    except ImportError:
        raise UsageError("explain needs the package captum, which is not installed", EXTRA) from None
    methods: Any = attr  # its types are not whole
    return methods


def _forward(rows: Rows, network: Network, read: Read) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    """The answer as a function of the points, as captum calls it, and what it is told beside them, `[B, …]` each."""
    count, names = len(rows.values), tuple(rows.others)

    def answer(*told: Tensor) -> Tensor:
        values, chosen, others = told[:count], told[count], dict(zip(names, told[count + 1 :], strict=True))
        return read(rows.entrance.outputs(values, others, network)).gather(1, chosen.unsqueeze(1)).squeeze(1)

    return answer, (rows.chosen, *rows.others.values())


def _integrated(rows: Rows, network: Network, seed: int) -> Tensor:
    answer, told = _forward(rows, network, rows.answer.read)
    method = require_captum().IntegratedGradients(answer, multiply_by_inputs=True)
    wanted = rows.ask(rows.values, network) - rows.ask(rows.all_neutral(), network)
    numbers = sum(own.numel() for own in rows.values)
    most = min(rows.steps, MOST_NUMBERS // numbers) if network is rows.entrance.network else FIRST_STEPS
    steps = FIRST_STEPS
    while True:
        found = method.attribute(
            rows.values,
            baselines=rows.all_neutral(),
            additional_forward_args=told,
            n_steps=steps,
            internal_batch_size=max(_at_once(rows), len(rows.chosen)),
        )
        by_part = rows.entrance.by_part(found)
        missed = (by_part.sum(1) - wanted).abs().max()
        if missed <= TOLERANCE * wanted.abs().max() or 2 * steps > most:
            return by_part
        steps *= 2


def _at_once(rows: Rows) -> int:
    """Rows in one pass."""
    by_row = sum(own[:1].numel() for own in rows.values)
    return max(1, min(AT_ONCE, NUMBERS_AT_ONCE // by_row))


def _gradient(rows: Rows, network: Network, seed: int) -> tuple[Tensor, ...]:
    answer, told = _forward(rows, network, rows.answer.score)
    own = tuple(values.clone().requires_grad_() for values in rows.values)
    return require_captum().Saliency(answer).attribute(own, abs=False, additional_forward_args=told)


def _size(rows: Rows, gradients: Sequence[Tensor]) -> Tensor:
    """How long the gradient of each part is."""
    return rows.entrance.by_part([gradient.square() for gradient in gradients]).sqrt()


def _saliency(rows: Rows, network: Network, seed: int) -> Tensor:
    return _size(rows, _gradient(rows, network, seed))


def _input_x_gradient(rows: Rows, network: Network, seed: int) -> Tensor:
    found = _gradient(rows, network, seed)
    return rows.entrance.by_part([own * gradient for own, gradient in zip(rows.values, found, strict=True)])


def _smoothgrad(rows: Rows, network: Network, seed: int) -> Tensor:
    answer, told = _forward(rows, network, rows.answer.score)
    captum = require_captum()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        found = captum.NoiseTunnel(captum.Saliency(answer)).attribute(
            rows.values,
            nt_type="smoothgrad",
            nt_samples=NOISES,
            nt_samples_batch_size=max(1, _at_once(rows) // len(rows.chosen)),
            stdevs=tuple(NOISE * float(own.std()) if own.numel() > 1 else 0.0 for own in rows.values),
            abs=False,
            additional_forward_args=told,
        )
    return _size(rows, found)


def _occlusion(rows: Rows, network: Network, seed: int) -> Tensor:
    """What changes when a part, or a patch of parts that are neighbours, is taken from the row that says nothing."""
    entrance, before = rows.entrance, rows.ask(rows.values, network)
    found = torch.zeros(len(before), entrance.count, dtype=torch.float64, device=before.device)
    for patch in _patches(entrance):
        gone = torch.zeros(len(before), entrance.count, dtype=torch.bool, device=before.device)
        gone[:, patch] = True
        change = before - rows.ask(entrance.replaced(rows.values, rows.neutral, gone), network)
        found[:, patch] = (change / len(patch)).unsqueeze(1)
    return found


MOST_PATCHES: Final = 256
"""Patches of an input, about."""


def _patches(entrance: Entrance) -> Iterator[list[int]]:
    first = entrance.regions[0]
    if len(entrance.regions) > 1 and first.column.field.plan.of_nodes:  # a node at a time, with all that it has
        nodes = first.shape[0]
        by_node = [torch.arange(region.first, region.end).view(nodes, -1) for region in entrance.regions]
        yield from (cast("list[int]", torch.cat([parts[node] for parts in by_node]).tolist()) for node in range(nodes))
        return
    for region in entrance.regions:
        parts = torch.arange(region.first, region.end).view(region.shape)
        pieces = [parts]
        for axis, size in enumerate(region.shape):
            width = -(-size // round(MOST_PATCHES ** (1 / len(region.shape))))
            pieces = [piece for whole in pieces for piece in whole.split(width, dim=axis)]
        yield from ([int(part) for part in piece.flatten()] for piece in pieces)


def _grad_cam(rows: Rows, network: Network, seed: int) -> Tensor:
    """Where the last convolution sees what speaks for the answer, brought to the size of the input (Selvaraju et al., 2017)."""
    regions = [region for region in rows.entrance.regions if region.shape]
    inputs = {(region.column.key, region.shape) for region in regions}  # a window is one, whatever columns lie in it
    modules = [call.module for call in network.wiring.calls if isinstance(call.module, nn.Conv1d | nn.Conv2d)]
    if not modules or len(inputs) != 1:
        what = "the network has no convolution" if not modules else "it reads several inputs"
        raise UsageError(
            f"grad_cam shows what the last convolution over one input sees, and {what}", f"these do: --method {', '.join(ALWAYS)}"
        )
    answer, told = _forward(rows, network, rows.answer.score)
    found = (
        require_captum()
        .LayerGradCam(answer, modules[-1])
        .attribute(tuple(values.clone().requires_grad_() for values in rows.values), additional_forward_args=told, relu_attributions=True)
    )
    region = regions[0]
    size = region.shape[: found.ndim - 2]
    seen = nn.functional.interpolate(found, size=size, mode="bilinear" if len(size) == 2 else "linear", align_corners=False)
    spread = seen.flatten(1).unsqueeze(2).expand(-1, -1, math.prod(region.shape[len(size) :])).flatten(1)
    by_part = torch.zeros(len(found), rows.entrance.count, dtype=torch.float64, device=found.device)
    for region in regions:
        by_part[:, region.first : region.end] = spread.double() / len(regions)
    return by_part


def _attention(rows: Rows, network: Network, seed: int) -> Tensor:
    from nntrain.insight.attention import attended

    return attended(rows, network)


_METHODS: Final[Mapping[Method, Callable[[Rows, Network, int], Tensor]]] = {
    "integrated_gradients": _integrated,
    "saliency": _saliency,
    "input_x_gradient": _input_x_gradient,
    "smoothgrad": _smoothgrad,
    "occlusion": _occlusion,
    "grad_cam": _grad_cam,
    "attention": _attention,
}


@contextmanager
def _gradients(device: torch.device) -> Generator[None]:
    """Gradients by a network in evaluation: cuDNN's recurrent layers have none there."""
    with torch.enable_grad(), torch.backends.cudnn.flags(enabled=device.type != "cuda"):
        yield
