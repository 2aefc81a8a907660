"""One forward and backward pass of a few training rows, between two steps: what it shows of a network. Both stay as they were.

The network is looked at in evaluation mode (no dropout, running statistics as they are), gradients are asked for without being kept, and
the global random numbers are put back: a run with a probe is byte for byte the one without.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor, nn

from nntrain.insight.signals import ClassSignals, LayerSignals, Signals, UnitKind, UnitSignals, rounded

SATURATED: Final = {"sigmoid": 0.49, "tanh": 0.98}
"""How far from its middle an output lies where the slope is below 4 % of the steepest: 1 - (2 * 0.49)^2, and 1 - 0.98^2."""
_MIDDLE: Final = {"sigmoid": 0.5, "tanh": 0.0}
SURE: Final = 0.95
"""Probability from which a network is sure of another class than that of the row."""
MOST_DOUBTED: Final = 20
"""Rows that are named at most."""


class Watched(NamedTuple):
    """An activation that is looked at."""

    kind: UnitKind
    axis: int
    """Axis of its units."""


class Answers(NamedTuple):
    """What is predicted of a target with classes."""

    target: str
    chances: Tensor
    """Probabilities `[N, K]`."""
    true: Tensor
    """Classes, int64 `[N]`."""
    rows: Tensor
    """Numbers of the rows in the source, int64 `[N]`."""


class Seen(NamedTuple):
    """What a pass over a portion of the rows gives."""

    loss: Tensor
    """Scalar, differentiable; the sum over the portions is the loss of all rows."""
    answers: Sequence[Answers]
    rows: int


class Peers(NamedTuple):
    """Processes of which each has a piece of a network."""

    size: int
    joined: Callable[[Tensor], Tensor]
    """The sum of a tensor over them, which all ask for."""
    piece: Callable[[Tensor], Tensor]
    """What this one has of a tensor; a tensor that is not shared out as it is."""
    apart: Callable[[], None]
    """Lets each have its pieces alone, where an evaluation has left it all of some layers."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Looks at one network."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    watched: Mapping[str, Watched]
    """By name of the module."""
    run: Callable[[], Iterator[Seen]]
    """The forward pass of always the same rows, a portion at a time."""
    peers: Peers | None = None
    """The processes that hold a piece of each weight, where they do: all look at the same time, at the same rows."""

    def look(self) -> Signals:
        """Run the pass and read it; no portion is there any more when the next one is computed."""
        if self.peers is not None:
            self.peers.apart()
        weights = list(_weights(self.network))
        gradients: Sequence[Tensor | None] = ()
        losses: list[Tensor] = []
        answers: list[Sequence[Answers]] = []
        rows: list[int] = []
        units: list[list[_Units]] = []
        portion: list[_Units] = []
        with _unchanged(self.network), self._hooks(portion), torch.enable_grad():
            for seen in self.run():
                found = self._gradients(seen.loss, [weight for _, weight in weights])
                gradients = [_sum(one, other) for one, other in zip(gradients, found, strict=True)] if gradients else found
                losses.append(seen.loss.detach())
                answers.append(seen.answers)
                rows.append(seen.rows)
                units.append(list(portion))
                portion.clear()
                del seen, found
        with torch.no_grad():
            layers = self._layers(weights, gradients)
            classes = tuple(_classes(_joined(each)) for each in zip(*answers, strict=True))
            signals = tuple(_signals(each, rows) for each in zip(*units, strict=True))
            loss = torch.stack(losses).sum()
        return Signals(sum(rows), rounded(float(loss)) if torch.isfinite(loss) else None, layers, signals, classes)

    def _gradients(self, loss: Tensor, weights: Sequence[nn.Parameter]) -> Sequence[Tensor | None]:
        """Those of a loss, kept nowhere. Of pieces only a backward pass gives them, as sums over the processes."""
        if not weights:
            return ()
        if self.peers is None:
            return torch.autograd.grad(loss, weights, allow_unused=True)
        loss.backward()
        found = [None if weight.grad is None else weight.grad / self.peers.size for weight in weights]
        for parameter in self.network.parameters():
            parameter.grad = None
        return found

    @contextmanager
    def _hooks(self, units: list[_Units]) -> Generator[None]:
        def look(name: str, watched: Watched, module: nn.Module, given: object, output: Tensor) -> None:
            with torch.no_grad():
                units.append(_units(name, watched, output))

        handles = [
            self.network.get_submodule(name).register_forward_hook(partial(look, name, watched)) for name, watched in self.watched.items()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _own(self, tensor: Tensor) -> Tensor:
        return tensor if self.peers is None else self.peers.piece(tensor)

    def _layers(self, weights: Sequence[tuple[str, nn.Parameter]], gradients: Sequence[Tensor | None]) -> tuple[LayerSignals, ...]:
        if not weights:
            return ()
        groups = {parameter: group for group in self.optimizer.param_groups for parameter in group["params"]}
        found: list[Tensor] = []
        for (_, parameter), whole in zip(weights, gradients, strict=True):
            weight, gradient = self._own(parameter.detach()), None if whole is None else self._own(whole)
            group, state = groups.get(parameter), self.optimizer.state.get(parameter, {})
            own = {name: self._own(value) if isinstance(value, Tensor) else value for name, value in state.items()}
            moved = None if group is None else _moved(weight, gradient, group, own)
            nothing = weight.new_zeros(())
            found += [nothing if each is None else _norm(each) for each in (gradient, weight, moved)]
            found += [nothing + float(each) for each in (moved is not None, len(weight) > 1 and _is_alike(weight), len(weight) > 1)]
        table = torch.stack([each.float() for each in found]).view(-1, 6)
        if self.peers is not None:
            table = self.peers.joined(table.square()).sqrt()  # of counts too: it takes all of them to be alike
        rows = cast("list[list[float]]", table.tolist())  # one wait for all
        return tuple(
            LayerSignals(
                name.rpartition(".")[0] or name,
                rounded(gradient / size),
                rounded(norm / size),
                rounded(moved / max(norm, 1e-30 * size)) if is_known else None,
                alike > 0 and alike == several,
            )
            for (name, weight), (gradient, norm, moved, is_known, alike, several) in zip(weights, rows, strict=True)
            for size in (max(weight.numel(), 1) ** 0.5,)
        )


def _weights(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """What is trained and has two or more axes, but for embeddings: of these only the rows of a batch have gradients."""
    tables = {id(module.weight) for module in network.modules() if isinstance(module, nn.Embedding | nn.EmbeddingBag)}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad and parameter.ndim > 1 and parameter.is_floating_point() and id(parameter) not in tables:
            yield name, parameter


def _is_alike(weight: Tensor) -> bool:
    """Whether all units have the same weights."""
    return torch.equal(weight[0], weight[1]) and torch.equal(weight[0], weight[-1])


def _norm(values: Tensor) -> Tensor:
    return cast("Tensor", torch.linalg.vector_norm(values, dtype=torch.float32))


def _moved(weight: Tensor, gradient: Tensor | None, group: Mapping[str, Any], state: Mapping[str, Any]) -> Tensor | None:
    """What the optimizer takes from a weight in a step, as far as its state tells; `None` where it doesn't.

    At the rate without its schedule, which says of a run that ends at a rate of 0 what it says in its middle. A function of the state that
    checkpoints hold, so that a run that goes on tells the same.
    """
    lr = float(group.get("initial_lr", group["lr"]))
    if "exp_avg" in state and "exp_avg_sq" in state and "betas" in group:
        step = float(state["step"])
        first, second = (1 - float(beta) ** step for beta in group["betas"])
        if first <= 0 or second <= 0:
            return None
        mean, square = cast("Tensor", state["exp_avg"]), cast("Tensor", state["exp_avg_sq"])
        return lr / first * mean / ((square / second).sqrt() + float(group["eps"]))
    if set(group) >= {"momentum", "dampening", "nesterov"}:  # torch's SGD
        direction = state.get("momentum_buffer")
        direction = gradient if direction is None else direction
        return None if direction is None else lr * direction
    return None


class _Units(NamedTuple):
    """What a portion of the rows tells of the units of an activation."""

    name: str
    kind: UnitKind
    size: int
    """How many units it has."""
    flat: Tensor
    """Of `relu` whether each unit is off in all rows, bool `[size]`; else the share of values that are flat, a scalar."""


def _units(name: str, watched: Watched, output: Tensor) -> _Units:
    axis = watched.axis if watched.axis < output.ndim else output.ndim - 1
    count = output.shape[axis]
    if watched.kind == "relu":
        others = [place for place in range(output.ndim) if place != axis]
        off = (output == 0).all(dim=others[0]) if len(others) == 1 else output.abs().amax(dim=others) == 0
        return _Units(name, "relu", count, off)
    flat = (output - _MIDDLE[watched.kind]).abs() > SATURATED[watched.kind]
    return _Units(name, watched.kind, count, flat.float().mean())


def _signals(portions: Sequence[_Units], rows: Sequence[int]) -> UnitSignals:
    """What all portions together tell."""
    name, kind, size, _ = portions[0]
    if kind == "relu":
        share = float(torch.stack([each.flat for each in portions]).all(dim=0).float().mean())
    else:
        share = sum(float(each.flat) * part for each, part in zip(portions, rows, strict=True)) / sum(rows)
    return UnitSignals(name, kind, rounded(share), size)


def _sum(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    """The gradient of two portions."""
    return other if one is None else one if other is None else one + other


def _joined(portions: Sequence[Answers]) -> Answers:
    """The answers of all portions."""
    _, chances, true, rows = zip(*portions, strict=True)
    return Answers(portions[0].target, torch.cat(chances), torch.cat(true), torch.cat(rows))


def _classes(answers: Answers) -> ClassSignals:
    count = answers.chances.shape[1]
    known = answers.true >= 0
    chances, true, rows = answers.chances[known], answers.true[known], answers.rows[known]
    best, predicted = chances.max(dim=1)
    doubted = rows[(predicted != true) & (best > SURE)]
    return ClassSignals(
        answers.target,
        _ints(torch.bincount(predicted, minlength=count)),
        _ints(torch.bincount(true, minlength=count)),
        int((predicted == true).sum()),
        _ints(doubted[:MOST_DOUBTED]),
    )


def _ints(values: Tensor) -> tuple[int, ...]:
    return tuple(cast("list[int]", values.tolist()))


@contextmanager
def _unchanged(network: nn.Module) -> Generator[None]:
    """Context in evaluation mode, after which the mode and the global random numbers are as before."""
    was_training = network.training
    state = torch.get_rng_state()
    on_cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    network.eval()
    try:
        yield
    finally:
        if was_training:
            network.train()
        torch.set_rng_state(state)
        for index, saved in enumerate(on_cuda):
            torch.cuda.set_rng_state(saved, index)
