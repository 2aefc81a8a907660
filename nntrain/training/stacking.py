"""Members of one shape in common memory: their parameters and moments are rows of tensors, and a step is taken for all at once.

Each member keeps its own network, optimizer and state, whose tensors are views: evaluating, saving and restoring one is as ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from nntrain.data.batches import Batch
from nntrain.losses.loss import Part
from nntrain.modules.network import Network
from nntrain.modules.stacked import Draws, StackedNetworks, batched_parameters
from nntrain.training.divergence import check_step, named
from nntrain.training.loop import set_learning_rates
from nntrain.training.objective import PartName, total
from nntrain.training.progress import Progress, Recent
from nntrain.training.session import Session

ELEMENTWISE: Final = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW)
"""Optimizers that move each number by its own gradient alone, so that those of all members can be moved as one tensor."""

_ALIGNMENT: Final = 16
"""Parameters begin at multiples of so many numbers, as those of tensors of their own do."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A member that is there to take a step."""

    member: int
    """Its place among all members."""
    session: Session
    progress: Progress
    draws: Draws


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a parameter lies in the row of its member."""

    start: int
    shape: torch.Size

    def of(self, rows: Tensor) -> Tensor:
        """The parameter, or what belongs to it, of all members `[M, …]`."""
        return rows[:, self.start : self.start + self.shape.numel()].view(len(rows), *self.shape)


class Stack:
    """Some members for as long as the same ones take steps together."""

    def __init__(self, seats: Sequence[Seat | None]) -> None:
        """Move parameters and moments into common memory.

        Args:
            seats: The members. `None` stands for one that has taken this step already: its place is computed on and leads nowhere, since
                the last bits of the others may depend on how many there are.
        """
        self._seats = seats
        self._there = [(index, seat) for index, seat in enumerate(seats) if seat is not None]
        first = self._there[0][1]
        self._first = first
        self._places = _places(first.session.optimizer)
        self._rows = torch.zeros(len(seats), _size(self._places))
        self._gradients = torch.zeros_like(self._rows)
        self._parameters = [_parameters(seat.session.optimizer) for _, seat in self._there]
        self._optimizer = _joint([seat.session.optimizer for _, seat in self._there])
        self._shapes = _shapes_gradients(first.session)
        with torch.no_grad():
            self._gather()
        networks = [cast("Network", (seat or first).session.network) for seat in seats]
        batched = self._leaves(networks)
        self._network = StackedNetworks(networks, batched, [None if seat is None else seat.draws for seat in seats])
        self._running: dict[PartName, Part] = {}
        self.begin()

    def _gather(self) -> None:
        """Copy what the members have into the rows, and let them look at these."""
        for place, parameters in zip(self._places, zip(*self._parameters, strict=True), strict=True):
            rows, gradients = place.of(self._rows), place.of(self._gradients)
            rows.copy_(parameters[0])
            for (index, _), parameter in zip(self._there, parameters, strict=True):
                rows[index].copy_(parameter)
                parameter.data, parameter.grad = rows[index], gradients[index]

    def _leaves(self, networks: Sequence[Network]) -> dict[int, Tensor]:
        """What gradients are taken of: tensors of all members where a layer is computed for all, else each member's own parameters."""
        first = self._there[0][0]
        batched = {id(parameter): place for place, parameter in enumerate(self._parameters[0])}
        found: dict[int, Tensor] = {}
        self._wanted: list[Tensor] = []
        self._targets: list[Tensor] = []
        for parameters in zip(*(batched_parameters(network) for network in networks), strict=True):
            key = id(parameters[first])
            if key not in batched:  # frozen
                found[key] = torch.stack([parameter.detach() for parameter in parameters])
                continue
            place = self._places[batched[key]]
            found[key] = place.of(self._rows).detach().requires_grad_()
            self._wanted.append(found[key])
            self._targets.append(place.of(self._gradients))
        for place, parameters in zip(self._places, zip(*self._parameters, strict=True), strict=True):
            if id(parameters[0]) not in found:
                gradients = place.of(self._gradients)
                self._wanted += parameters
                self._targets += [gradients[index] for index, _ in self._there]
        return found

    def step(self, batches: Sequence[Batch | None]) -> None:
        """One optimizer update of each member that is there; its batch in its place, as many rows each.

        Raises:
            DivergedError: The loss or the gradients of one are not finite; no weight has moved.
        """
        first = self._first
        falls = 0 if first.progress.plateau is None else first.progress.plateau.falls
        set_learning_rates(first.session, first.progress.step, falls)
        members = len(self._seats)
        batch = _joined(batches, [self._there[0][0]] * members)
        parts = first.session.objective.parts_of_members(self._network(batch.inputs), batch, members)
        losses = total(parts)
        gradients = torch.autograd.grad(losses.sum(), self._wanted)
        torch._foreach_copy_(self._targets, gradients)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
        if self._shapes:
            for _, seat in self._there:
                seat.session.shaping.penalize()
        norms = cast("Tensor", torch.linalg.vector_norm(self._gradients, dim=1))
        self._check(batches, losses.detach(), norms)
        if self._shapes:
            self._shape()
        self._update()
        for name, (sums, weights, factor) in parts.items():
            before = self._running.get(name)
            self._running[name] = Part(
                sums.detach() if before is None else before.sum + sums.detach(),
                weights if before is None else before.weight + weights,
                factor,
            )
        for _, seat in self._there:
            if seat.session.ema is not None:
                seat.session.ema.update(seat.session.network, seat.progress.step + 1)

    def _check(self, batches: Sequence[Batch | None], losses: Tensor, norms: Tensor) -> None:
        values, sizes = cast("list[list[float]]", torch.stack([losses, norms]).tolist())
        for index, seat in self._there:
            batch = batches[index]
            if math.isfinite(values[index]) and math.isfinite(sizes[index]):
                seat.progress.recent.append(Recent(seat.progress.step, values[index], sizes[index]))
            elif batch is not None:
                with named(seat.member):
                    check_step(seat.session, seat.progress, (batch,), losses[index], norms[index])

    def _shape(self) -> None:
        for (_, seat), parameters in zip(self._there, self._parameters, strict=True):
            norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
            seat.session.shaping.clip(parameters, norm)
            seat.session.shaping.add_noise(parameters, seat.progress.step)

    def _update(self) -> None:
        """Move the weights of all members. Each keeps its own moments: the optimizer for all has the same ones."""
        for own, group in zip(self._first.session.optimizer.param_groups, self._optimizer.param_groups, strict=True):
            group.update({key: own[key] for key in ("lr", "momentum", "betas") if key in own})
        self._optimizer.step()
        if not self._first.session.optimizer.state:
            for (_, seat), parameters in zip(self._there, self._parameters, strict=True):
                seat.session.optimizer.state.update({parameter: self._optimizer.state[parameter] for parameter in parameters})
        if self._shapes:
            for _, seat in self._there:
                seat.session.shaping.bound()

    def begin(self) -> None:
        """Go on from the running losses that the members have."""
        names = {name: part.factor for _, seat in self._there for name, part in seat.progress.running.parts.items()}
        zero = Part(torch.zeros(()), torch.zeros(()))
        self._running = {}
        for name, factor in names.items():
            found = [zero if seat is None else seat.progress.running.parts.get(name, zero) for seat in self._seats]
            self._running[name] = Part(torch.stack([part.sum for part in found]), torch.stack([part.weight for part in found]), factor)

    def settle(self) -> None:
        """Give the members what they see of themselves between steps: their running losses, and the rates of the last step."""
        for index, seat in self._there:
            seat.progress.running.parts = {
                name: Part(sums[index], weights[index], factor) for name, (sums, weights, factor) in self._running.items()
            }

    def release(self) -> None:
        """Give the members memory of their own."""
        for parameters in self._parameters:
            for parameter in parameters:
                parameter.data, parameter.grad = parameter.data.clone(), None


def _shapes_gradients(session: Session) -> bool:
    """Whether anything acts on the gradients or weights of a member by itself."""
    settings = session.shaping.settings
    return any(
        value is not None for value in (settings.l1, settings.clip_value, settings.clip_norm, settings.gradient_noise, settings.max_norm)
    )


def _parameters(optimizer: torch.optim.Optimizer) -> list[nn.Parameter]:
    """The parameters that an optimizer moves, in its order."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _places(optimizer: torch.optim.Optimizer) -> list[_Place]:
    found: list[_Place] = []
    start = 0
    for parameter in _parameters(optimizer):
        found.append(_Place(start, parameter.shape))
        start += -(-parameter.numel() // _ALIGNMENT) * _ALIGNMENT
    return found


def _size(places: Sequence[_Place]) -> int:
    """Numbers of a row."""
    end = places[-1].start + places[-1].shape.numel()
    return -(-end // _ALIGNMENT) * _ALIGNMENT


def _joint(optimizers: Sequence[torch.optim.Optimizer]) -> torch.optim.Optimizer:
    """An optimizer of the same options for the parameters of all members, with the moments that these have."""
    first = optimizers[0]
    groups = [
        {
            **{key: value for key, value in group.items() if key not in {"params", "param_names"}},
            "params": [parameter for optimizer in optimizers for parameter in optimizer.param_groups[place]["params"]],
        }
        for place, group in enumerate(first.param_groups)
    ]
    kind: Any = type(first)
    joint = kind(groups, lr=first.defaults["lr"], fused=first.defaults["fused"])
    for optimizer in optimizers:
        joint.state.update(optimizer.state)
    return joint


def _joined(batches: Sequence[Batch | None], stand_in: Sequence[int]) -> Batch:
    """The rows of all members, one member behind another."""
    given = [batch if batch is not None else batches[other] for batch, other in zip(batches, stand_in, strict=True)]
    found = [batch for batch in given if batch is not None]
    first = found[0]
    return Batch(
        _cat([batch.inputs for batch in found]),
        _cat([batch.targets for batch in found]),
        None if first.weights is None else torch.cat([batch.weights for batch in found if batch.weights is not None]),
        first.rows,
    )


def _cat(tables: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {key: torch.cat([table[key] for table in tables]) for key in tables[0]}
