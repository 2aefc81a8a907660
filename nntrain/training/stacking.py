"""Members of one shape in common memory: their parameters and moments are rows of tensors, and a step is taken for all at once.

Each member keeps its own network, optimizer and state, whose tensors are views: evaluating, saving and restoring one is as ever.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import Batch
from nntrain.losses.loss import Part
from nntrain.modules.network import Network
from nntrain.modules.stacked import Draws, StackedNetworks, batched_parameters
from nntrain.training.divergence import are_finite, check_step, named
from nntrain.training.evaluating_together import JointEvaluation
from nntrain.training.gradients import gradient_norm, trained
from nntrain.training.joint_rows import JointBatch
from nntrain.training.loop import set_learning_rates, take_step
from nntrain.training.objective import PartName, total
from nntrain.training.progress import Progress, Recent
from nntrain.training.replay import StaticSteps, tensors_of
from nntrain.training.scoring_together import score_at_once
from nntrain.training.session import Metrics, Session, TrainingProtocol

_ALIGNMENT: Final = 16
"""Parameters begin at multiples of so many numbers, as those of tensors of their own do."""


def is_elementwise(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it moves each number by its own gradient alone, so that one of its kind may move those of several networks."""
    is_own = type(optimizer).__module__.startswith(("torch.", "nntrain."))
    return is_own and isinstance(optimizer, torch.optim.SGD | torch.optim.Adam | torch.optim.AdamW)


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
        self._parameters = [trained(seat.session.optimizer) for _, seat in self._there]
        self._optimizer = _joint([seat.session.optimizer for _, seat in self._there])
        self._same_rates = _are_alike([seat.session for _, seat in self._there])
        self._shapes = not first.session.shaping.is_idle
        with torch.no_grad():
            self._gather()
        self._look_at_gradients()
        networks = [cast("Network", (seat or first).session.network) for seat in seats]
        batched = self._leaves(networks)
        self._network = StackedNetworks(networks, batched, [None if seat is None else seat.draws for seat in seats])
        self._static = self._recordings(networks)
        self._evaluation: JointEvaluation | None = None
        self._has_more = any(_has_more(seat.session) for _, seat in self._there)
        """Whether some have numbers in their states beside the weights that are trained and their moments."""
        self._rates: list[dict[str, Any]] | None = None
        """Those that all have now, where they are the same."""
        self._factors: dict[PartName, float] = {}
        """How much the parts of the loss count."""

    def _gather(self) -> None:
        """Copy what the members have into the rows, and let them look at these."""
        for place, parameters in zip(self._places, zip(*self._parameters, strict=True), strict=True):
            rows = place.of(self._rows)
            rows.copy_(parameters[0])
            for (index, _), parameter in zip(self._there, parameters, strict=True):
                rows[index].copy_(parameter)
                parameter.data = rows[index]

    def _look_at_gradients(self) -> None:
        """Let the members' parameters have the gradients of the rows."""
        for place, parameters in zip(self._places, zip(*self._parameters, strict=True), strict=True):
            gradients = place.of(self._gradients)
            for (index, _), parameter in zip(self._there, parameters, strict=True):
                parameter.grad = gradients[index]
        self._moved_by = [cast("Tensor", parameter.grad) for parameter in trained(self._optimizer)]

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

    def _recordings(self, networks: Sequence[Network]) -> StaticSteps | None:
        """Recordings of steps of these members, which read and write the memory that they share: they last as long as it."""
        if any(seat.session.static is None for _, seat in self._there):
            return None
        return StaticSteps(
            *dict.fromkeys(networks),
            steps=self._first.session.horizon.total_steps,
            read=self._wanted,
            written=[self._gradients, *self._targets],
        )

    def step(self, batch: JointBatch) -> None:
        """One optimizer update of each member that is there.

        Raises:
            DivergedError: The loss or the gradients of one are not finite; no weight has moved.
        """
        self._set_rates()  # before the forward pass, as dropout may change from step to step
        told = self._computed(batch)
        if self._shapes:
            for _, seat in self._there:
                seat.session.shaping.penalize()
            told[1] = _numbers(self._norms())
        self._check(batch, *told[:2])
        if self._shapes:
            self._shape()
        self._update()
        self._count(told[2:])
        for _, seat in self._there:
            if seat.session.ema is not None:
                seat.session.ema.update(seat.session.network, seat.progress.step + 1)

    def _set_rates(self) -> None:
        """Give each member's parameters their rates, and those of all where they are the same."""
        falls = [0 if seat.progress.plateau is None else seat.progress.plateau.falls for _, seat in self._there]
        groups = self._optimizer.param_groups
        if self._same_rates and len(set(falls)) == 1:
            set_learning_rates(self._first.session, self._first.progress.step, falls[0])
            told = [_rates(group) for group in self._first.session.optimizer.param_groups]
            if told == self._rates:
                return
            for _, seat in self._there[1:]:
                for group, rates in zip(seat.session.optimizer.param_groups, told, strict=True):
                    group.update(rates)
            self._moves_at_once = True
        else:
            for (_, seat), count in zip(self._there, falls, strict=True):
                set_learning_rates(seat.session, seat.progress.step, count)
            told, *others = ([_rates(group) for group in seat.session.optimizer.param_groups] for _, seat in self._there)
            self._moves_at_once = all(each == told for each in others)
        self._rates = told if self._moves_at_once else None
        if self._moves_at_once:
            for group, rates in zip(groups, told, strict=True):
                group.update(rates)

    def _computed(self, batch: JointBatch) -> list[list[float]]:
        """Forward and backward pass, which leaves the gradients in their rows.

        Returns:
            Of the members that are there, `[N]` each: the losses, the norms of their gradients, then sums and weights of each part.
        """
        drawn = self._network.drawn(len(batch))
        plain = None if batch.whole is None else tensors_of(batch.whole)
        if self._static is None or drawn is None or plain is None:
            return _numbers(self._pass(batch, drawn))
        tensors = [*plain, *drawn]
        recording = self._static.of(tensors)
        if recording is not None:
            return _numbers(recording(tensors)[0])
        if self._static.is_due(tensors):
            return _numbers(cast("Tensor", self._static.begin(lambda: [self._pass(batch, drawn)], tensors)[0]))
        return _numbers(self._pass(batch, drawn))

    def _pass(self, batch: JointBatch, drawn: Sequence[Tensor] | None) -> Tensor:
        """What `_computed` tells, `[2 + 2 * parts, N]`, float64 where parts have other formats: as exact as the sums of a run by itself."""
        found = self._network(self._inputs(batch), drawn)
        there = [index for index, _ in self._there]
        losses, parts = score_at_once(self._first.session.objective, found, batch, there) or self._scored(found, batch)
        self._factors = {name: part.factor for name, part in parts.items()}
        gradients = torch.autograd.grad(losses.sum(), self._wanted)
        torch._foreach_copy_(self._targets, gradients)  # pyright: ignore[reportPrivateImportUsage, reportPrivateUsage]
        told = [losses.detach(), self._norms(), *(value for part in parts.values() for value in (part.sum, part.weight))]
        return torch.stack(told if len({value.dtype for value in told}) == 1 else [value.double() for value in told])

    def _norms(self) -> Tensor:
        """Norms of the gradients of those that are there, `[N]`."""
        norms = cast("Tensor", torch.linalg.vector_norm(self._gradients, dim=1))
        return norms if len(self._there) == len(self._seats) else torch.stack([norms[index] for index, _ in self._there])

    def _scored(self, found: Mapping[str, Tensor], batch: JointBatch) -> tuple[Tensor, dict[PartName, Part]]:
        """The loss of each member that is there, `[N]`, and its parts, sums and weights `[N]`, which have no graph."""
        outputs = {name: values.chunk(len(self._seats)) for name, values in found.items()}
        parts = [
            seat.session.objective.parts({name: values[index] for name, values in outputs.items()}, batch.parts[index])
            for index, seat in self._there
        ]
        joined = {
            name: Part(torch.stack([each[name].sum.detach() for each in parts]), torch.stack([each[name].weight for each in parts]), factor)
            for name, (_, _, factor) in parts[0].items()
        }
        return torch.stack([total(each) for each in parts]), joined

    def step_apart(self, protocol: TrainingProtocol, batches: Sequence[Batch | None]) -> None:
        """One optimizer update of each member that is there by itself, where batches differ in their rows. Raises as `step`."""
        for (index, seat), parameters in zip(self._there, self._parameters, strict=True):
            batch = batches[index]
            assert batch is not None
            for parameter in parameters:
                parameter.grad = None
            torch.set_rng_state(seat.draws.state)
            with named(seat.member):
                take_step(seat.session, protocol, seat.progress, (batch,))
            seat.draws.state = torch.get_rng_state()
        self._rates = None
        self._share_state()
        self._look_at_gradients()

    def _inputs(self, batch: JointBatch) -> Mapping[str, Tensor]:
        """What the networks read, one member behind another."""
        objective = self._first.session.objective
        if batch.whole is not None:
            return objective.inputs(batch.whole)
        inputs = [objective.inputs(part) for part in batch.parts]
        return {key: torch.cat([each[key] for each in inputs]) for key in self._network.keys}

    def _check(self, batch: JointBatch, losses: Sequence[float], norms: Sequence[float]) -> None:
        for (index, seat), loss, norm in zip(self._there, losses, norms, strict=True):
            if math.isfinite(loss) and math.isfinite(norm):
                seat.progress.recent.append(Recent(seat.progress.step, loss, norm))
            else:
                with named(seat.member):
                    check_step(seat.session, seat.progress, (batch.parts[index],), *self._rows.new_tensor([loss, norm]).unbind())

    def _count(self, told: Sequence[Sequence[float]]) -> None:
        """Add the losses of a step to those since the last report."""
        for place, (name, factor) in enumerate(self._factors.items()):
            for (_, seat), of_rows, weight in zip(self._there, told[2 * place], told[2 * place + 1], strict=True):
                seat.progress.running.count(name, of_rows, weight, factor)

    def _shape(self) -> None:
        for (_, seat), parameters in zip(self._there, self._parameters, strict=True):
            compared = seat.session.shaping.clip(parameters, gradient_norm(parameters))
            if (longest := seat.session.shaping.settings.clip_norm) is not None:
                seat.progress.clipping.add(compared.item() > longest)
            seat.session.shaping.add_noise(parameters, seat.progress.step)

    def _update(self) -> None:
        """Move the weights of all members: in one call where their rates are the same, as it moves each number by itself."""
        if self._moves_at_once:
            move = getattr(self._optimizer, "move", None)
            if move is None:
                self._optimizer.step()
            else:
                move(self._moved_by)
            if not self._first.session.optimizer.state:
                for (_, seat), parameters in zip(self._there, self._parameters, strict=True):
                    seat.session.optimizer.state.update({parameter: self._optimizer.state[parameter] for parameter in parameters})
        else:
            for _, seat in self._there:
                seat.session.optimizer.step()
            self._share_state()
        if self._shapes:
            for _, seat in self._there:
                seat.session.shaping.bound()

    def _share_state(self) -> None:
        """Let the optimizer of all have the moments of the members."""
        for _, seat in self._there:
            self._optimizer.state.update(seat.session.optimizer.state)

    def metrics(self) -> list[Metrics] | None:
        """What is measured of all; `None` where one is not there, or each is to be measured by itself."""
        if len(self._there) < len(self._seats):
            return None
        if self._evaluation is None:
            self._evaluation = JointEvaluation(self._network, [seat.session for _, seat in self._there])
        return self._evaluation.metrics()

    def is_finite(self) -> bool:
        """Whether all that `check_state` looks at is finite, of all that are there; no where it is more than weights and moments."""
        if self._has_more:
            return False
        moments = [value for state in self._optimizer.state.values() for value in state.values() if isinstance(value, torch.Tensor)]
        return are_finite([self._rows, *moments])

    def release(self) -> None:
        """Give the members memory of their own."""
        for parameters in self._parameters:
            for parameter in parameters:
                parameter.data, parameter.grad = parameter.data.clone(), None


def _has_more(session: Session) -> bool:
    known = {id(parameter) for parameter in trained(session.optimizer)}
    tensors = (*session.network.parameters(), *session.network.buffers())
    return session.ema is not None or any(id(value) not in known for value in tensors)


def _numbers(values: Tensor) -> list[Any]:
    return cast("list[Any]", values.tolist())


def _rates(group: Mapping[str, Any]) -> dict[str, Any]:
    """What schedules move in a group of parameters."""
    return {key: group[key] for key in ("lr", "weight_decay", "momentum", "betas") if key in group}


def _are_alike(sessions: Sequence[Session]) -> bool:
    """Whether rates are the same in each step, where a metric that a schedule watches has lowered them as often."""
    first = sessions[0]
    if any(session.fading is not None or session.ema is not None for session in sessions):
        return False
    told = [[group["initial_lr"] for group in session.optimizer.param_groups] for session in sessions]
    return all(
        session.schedule == first.schedule and session.horizon == first.horizon and rates == told[0]
        for session, rates in zip(sessions, told, strict=True)
    )


def _places(optimizer: torch.optim.Optimizer) -> list[_Place]:
    found: list[_Place] = []
    start = 0
    for parameter in trained(optimizer):
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
