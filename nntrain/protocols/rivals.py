"""Two networks that learn against each other: one tells real rows from generated ones, the other one generates them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from nntrain.data.batches import Batch, TensorData, plain_batches
from nntrain.data.noise import derive_seed
from nntrain.data.sources.source import Part
from nntrain.errors import DataError
from nntrain.losses.loss import LossFunction
from nntrain.losses.loss import Part as LossPart
from nntrain.losses.rivals import Critic
from nntrain.modules.metrics import finite
from nntrain.modules.network import Network
from nntrain.modules.rivals import Neighbors, gradient_penalty, spread
from nntrain.protocols.acting import resting
from nntrain.protocols.adversarial import Adversarial
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.specs import known
from nntrain.tasks.task import NodeUse
from nntrain.training.evaluation import Scores, batch_rows
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss, sum_tensors
from nntrain.training.session import Metrics, Session, StepLoss, Subject, Weighable

_READ: Final = 256
"""Rows that are read at once to be compared."""

BETWEEN: Final = "@between"
"""Where on the line between a real row and a generated one the gradient is taken, from 0 to 1, float32 `[B]` beside the inputs."""


class AdversarialProtocol:
    """See `Adversarial`. Rows come as in supervised learning, each batch with noise for its rows: nothing is kept from step to step."""

    def __init__(self, settings: Adversarial) -> None:
        self._settings = settings
        self._rows = SupervisedProtocol()

    def steps_per_epoch(self, session: Session) -> int:
        """Each step takes a batch for every update of the discriminator, the last one of the epoch what is left.

        Raises:
            DataError: There are fewer training rows than a step of several updates takes.
        """
        rows, updates = session.splits.train.shown, self._settings.discriminator_steps
        if updates > 1 and rows < updates * session.batch_size:
            what = f"training.protocol: {updates} discriminator_steps take {updates} x {session.batch_size:,} rows"
            fewer = f"data.batch_size: {rows // updates}" if rows // updates > 1 else "more rows"
            raise DataError(f"{what}, and there are {rows:,} training rows", f"fix:  {fewer}, or fewer discriminator_steps")
        return self._rows.steps_per_epoch(self._widened(session))

    def batches(self, session: Session, epoch: int, start: int) -> Iterator[tuple[Batch, ...]]:
        """The rows of each update of the discriminator; the generator is moved by the noise of the last of them."""
        for step, batches in enumerate(self._rows.batches(self._widened(session), epoch, start), start):
            drawn = [derive_seed(session.seed, "rivals", epoch, step, place) for place in range(len(batches))]
            yield tuple(with_draws(session.objective, batch, seed) for batch, seed in zip(batches, drawn, strict=True))

    def step(self, session: Session, batches: tuple[Batch, ...]) -> StepLoss:
        """The loss of the discriminator; the generator follows."""
        return self._tell_apart(session, 0, batches)

    def losses(self, session: Session, batches: tuple[Batch, ...]) -> Tensor:
        """What both lose on the batches of a step with the weights as they are, in one sum: each loss gives gradients to its own node."""
        found = self.step(session, batches)
        values = [found.value]
        while found.following is not None:
            found = found.following(batches)
            values.append(found.value)
        return sum_tensors(values)

    def _tell_apart(self, session: Session, place: int, batches: tuple[Batch, ...]) -> StepLoss:
        """The loss of the discriminator on one of the batches of a step."""
        pair, batch, is_last = Pair.of(session), batches[place], place == len(batches) - 1
        with session.precision.autocast():
            with torch.set_grad_enabled(is_last):
                made = pair.make(batch.inputs)
            real = pair.score(batch.inputs[pair.name], batch.inputs)
            generated = pair.score(made.detach(), batch.inputs)
        weight = _weight(batch)
        lost = pair.loss_of_both(real, generated, batch.weights)
        if pair.penalty:
            score = partial(pair.score, inputs=batch.inputs)
            found = gradient_penalty(score, batch.inputs[pair.name], made.float(), batch.inputs[BETWEEN])
            lost = lost + pair.penalty * (found if batch.weights is None else found * batch.weights).sum()
        loss = lost / weight
        following = partial(self._fool, session, made) if is_last else partial(self._tell_apart, session, place + 1)
        parts = {(pair.name, pair.judge): LossPart(loss.detach() * weight, weight)}
        return StepLoss(loss, parts, following=following)

    def _fool(self, session: Session, made: Tensor, batches: tuple[Batch, ...]) -> StepLoss:
        """The loss of the generator by what it has made, as the discriminator sees it now, whose weights get no gradient."""
        pair, batch = Pair.of(session), batches[-1]
        with session.precision.autocast(), pair.fixed(batch.inputs):
            scores = pair.score(made, batch.inputs)
        weight = _weight(batch)
        loss = pair.loss_of_generator(scores, batch.weights) / weight
        return StepLoss(loss, {(pair.name, pair.maker): LossPart(loss.detach() * weight, weight)})

    def evaluate(self, session: Session) -> Metrics | None:
        """What is reported of both splits; `None` where a stop was wanted in between."""
        subject = Subject(session.network, session.objective, session.precision, {}, session.batch_size)
        averaged = session.ema.applied(session.network) if session.ema is not None else nullcontext()
        found: Metrics = {}
        with averaged:
            for part, data in (("train", session.splits.sample), ("validation", session.splits.validation)):
                if data is None:
                    continue
                compared = self._compare(subject, data, session.stop_wanted)
                if compared is None:
                    return None
                found |= {f"{part}.{name}": value for name, value in _metrics(compared).items()}
        return found

    def measure(self, subject: Subject, data: TensorData, part: Part | None) -> Scores:
        """What is reported, of all rows, and `neighbor_floor`, which no training changes."""
        found = self._compare(subject, data)
        assert found is not None
        return Scores(_metrics(found.with_floor(subject.objective, data)))

    def measure_baseline(self, subject: Subject, data: TensorData, part: Part | None) -> Metrics:
        """The same of noise whose values have the mean and standard deviation of those of the training rows."""
        [(name, target)] = subject.objective.targets.items()
        mean, above = _as_compared(target, subject.baseline[name].cpu().float())
        real, deviation = _compared(target, _inputs(data, name)), above - mean
        draw = torch.Generator().manual_seed(derive_seed(0, "noise to compare with"))
        noise = mean + deviation * torch.randn((len(real), *mean.shape), generator=draw)
        found = Neighbors.of(real, noise.to(real.device), spread(len(data))).accuracy(_weights(data).unsqueeze(0))
        return {"neighbor_accuracy": finite(float(found))}

    def judge(self, subject: Subject, data: TensorData, part: Part | None) -> Weighable:
        """The same for other weights of the rows."""
        found = self._compare(subject, data)
        assert found is not None
        return found.with_floor(subject.objective, data)

    def state(self) -> dict[str, Any]:
        """Nothing: rows and noise are functions of the position."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take back."""

    def _widened(self, session: Session) -> Session:
        """A session whose steps take as many batches as the discriminator has updates."""
        return replace(session, accumulate=self._settings.discriminator_steps)

    def _compare(self, subject: Subject, data: TensorData, stop_wanted: Callable[[], bool] | None = None) -> Comparison | None:
        """Score all rows of a split, and as many generated ones as are compared; `None` where a stop was wanted.

        The noise and the portions in which rows are read are functions of the rows alone, so that figures are those of the network.
        """
        assert isinstance(subject.network, Network)
        pair = Pair(subject.network, subject.objective)
        rows, size = spread(len(data)), batch_rows(data, 1, subject.most)
        draws = draw(subject.objective, len(rows), derive_seed(0, "rivals are measured"))
        real: list[Tensor] = []
        generated: list[Tensor] = []
        made: list[Tensor] = []
        with resting(subject.network), subject.precision.autocast():
            for batch in plain_batches(data, size):
                if stop_wanted is not None and stop_wanted():
                    return None
                real.append(pair.score(batch.inputs[pair.name], batch.inputs).float())
            for place, batch in enumerate(plain_batches(data.take(rows), size)):
                start = place * size
                inputs = {**batch.inputs, **_beside(batch, {key: values[start : start + size] for key, values in draws.items()})}
                made.append(pair.make(inputs).float())
                generated.append(pair.score(made[-1], inputs).float())
        found = Neighbors.of(_compared(pair.target, _inputs(data, pair.name)), _compared(pair.target, torch.cat(made)), rows)
        return Comparison.of(pair, torch.cat(real), torch.cat(generated), _weights(data), found)


@dataclass(frozen=True, slots=True)
class Pair:
    """The two networks, and what they are scored by."""

    network: Network
    objective: Objective

    @classmethod
    def of(cls, session: Session) -> Pair:
        """Those of a run."""
        assert isinstance(session.network, Network)
        return cls(session.network, session.objective)

    @property
    def name(self) -> str:
        """The field that is generated."""
        return next(iter(self.objective.targets))

    @property
    def target(self) -> TargetObjective:
        """What is known of it."""
        return self.objective.targets[self.name]

    @property
    def maker(self) -> str:
        """The node that makes rows, whose output is that of the target."""
        return next(node for node, use in self._uses.items() if use.is_answer)

    @property
    def judge(self) -> str:
        """The node that scores them."""
        return next(node for node, use in self._uses.items() if use.is_scored)

    @property
    def _uses(self) -> Mapping[str, NodeUse]:
        return self.target.task.nodes(self.target.target)

    def make(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Generated rows, `[B, …]`, of the noise in the inputs of a batch, and of what else of them may be read."""
        return self.network.run_behind({key: value for key, value in inputs.items() if key != self.name})[self.name]

    def score(self, rows: Tensor, inputs: Mapping[str, Tensor]) -> Tensor:
        """What is said of rows, `[B, 1]`, beside inputs of a batch."""
        node = self.judge
        return self.network.run_behind({**self._shown(inputs), self.name: rows})[self._uses[node].output(self.name, node)]

    def _shown(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What of the inputs is read where rows are scored: nothing that was drawn."""
        return {key: value for key, value in inputs.items() if key not in self.target.task.drawn}

    @contextmanager
    def fixed(self, inputs: Mapping[str, Tensor]) -> Generator[None]:
        """Context in which the weights that score rows get no gradients."""
        modules = self.network.modules_behind(list(self._shown(inputs)))
        trained = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
        for parameter in trained:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in trained:
                parameter.requires_grad_(True)

    @property
    def penalty(self) -> float:
        """How much the gradient of the scores counts."""
        return sum(loss.function.penalty * loss.factor for loss in self.losses.values() if isinstance(loss.function, Critic))

    @property
    def losses(self) -> Mapping[str, WeightedLoss]:
        """By tag."""
        return self.target.losses

    def loss_of_both(self, real: Tensor, generated: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sum over the rows of what the discriminator loses on real and generated ones."""
        return sum_tensors([loss.factor * _apart(loss.function, real, generated, weights) for loss in self.losses.values()])

    def loss_of_generator(self, scores: Tensor, weights: Tensor | None = None) -> Tensor:
        """Sum over the rows of what the generator loses: by chances they should pass for real, else their score be high."""
        return sum_tensors([loss.factor * _fooling(loss, scores, weights) for loss in self.losses.values()])


def _apart(loss: LossFunction, real: Tensor, generated: Tensor, weights: Tensor | None) -> Tensor:
    ones = real.new_ones(len(real), dtype=torch.float32)
    return loss(real, ones, weights).sum + loss(generated, torch.zeros_like(ones), weights).sum


def _fooling(loss: WeightedLoss, scores: Tensor, weights: Tensor | None) -> Tensor:
    if loss.gives_chances:
        return loss.function(scores, scores.new_ones(len(scores), dtype=torch.float32), weights).sum
    raised = -scores.float().reshape(len(scores))
    return (raised if weights is None else raised * weights).sum()


def with_draws(objective: Objective, batch: Batch, seed: int) -> Batch:
    """A batch of a step with what is drawn for its rows."""
    return replace(batch, inputs={**batch.inputs, **_beside(batch, draw(objective, len(batch), seed, trains=True))})


def draw(objective: Objective, rows: int, seed: int, *, trains: bool = False) -> dict[str, Tensor]:
    """What tasks want drawn for rows, standard normal, `[N, …]` on the CPU; where they train, what losses want drawn too."""
    generator = torch.Generator().manual_seed(seed)
    specs = {key: spec for target in objective.targets.values() for key, spec in target.task.drawn.items()}
    drawn = {key: torch.randn(rows, *(known(size) for size in spec.sizes), generator=generator) for key, spec in specs.items()}
    losses = [loss.function for target in objective.targets.values() for loss in target.losses.values()]
    if trains and any(isinstance(loss, Critic) and loss.penalty for loss in losses):
        drawn[BETWEEN] = torch.rand(rows, generator=generator)
    return drawn


def _beside(batch: Batch, drawn: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Draws where the rows of a batch are, without waiting for what is computed there."""
    device = batch.rows.device
    if device.type != "cuda":
        return {key: value.to(device) for key, value in drawn.items()}
    return {key: value.pin_memory().to(device, non_blocking=True) for key, value in drawn.items()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows of a split beside generated ones."""

    weights: Tensor
    """How much each row counts, float64 `[N]`."""
    by_row: Tensor
    """Score of each real row, and what the discriminator loses on it, float64 `[N, 2]`."""
    of_generated: tuple[float, float, float]
    """Mean score of generated rows, and what the discriminator and the generator lose on them."""
    neighbors: Neighbors
    has_floor: bool = False
    """Whether it is asked how well real rows are told from real ones."""
    floor: Neighbors | None = None
    """One half of the real rows beside the other half; `None` where there is a single row."""

    @classmethod
    def of(cls, pair: Pair, real: Tensor, generated: Tensor, weights: Tensor, neighbors: Neighbors) -> Comparison:
        """From the scores of both."""
        ones, zeros = real.new_ones(len(real)), real.new_zeros(len(generated))
        losses = pair.losses
        is_chance = any(loss.gives_chances for loss in losses.values())
        of_real = sum_tensors([loss.factor * loss.function.per_row(real, ones, None) for loss in losses.values()])
        of_others = sum_tensors([loss.factor * loss.function(generated, zeros).sum for loss in losses.values()])
        shown = [torch.sigmoid(score) if is_chance else score for score in (real, generated)]
        means = (float(shown[1].mean()), float(of_others) / len(generated), float(pair.loss_of_generator(generated)) / len(generated))
        by_row = torch.stack([shown[0].flatten(), of_real.flatten()], dim=1).double().cpu()
        return cls(weights, by_row, means, neighbors)

    def with_floor(self, objective: Objective, data: TensorData) -> Comparison:
        """The same with what rows that are all real would have."""
        [(name, target)] = objective.targets.items()
        return replace(self, has_floor=True, floor=Neighbors.among(_compared(target, _inputs(data, name)), spread(len(data))))

    def values(self, weights: Tensor) -> dict[str, Tensor]:
        """The metrics for R weightings `[R, N]`."""
        score, loss = ((weights @ self.by_row) / weights.sum(dim=1, keepdim=True)).unbind(dim=1)
        generated_score, of_generated, generator_loss = (torch.full_like(score, value) for value in self.of_generated)
        least = torch.full_like(score, torch.nan) if self.floor is None else self.floor.accuracy(weights)
        return {
            "neighbor_accuracy": self.neighbors.accuracy(weights),
            **({"neighbor_floor": least} if self.has_floor else {}),
            "discriminator_loss": loss + of_generated,
            "generator_loss": generator_loss,
            "real_score": score,
            "generated_score": generated_score,
        }


def _weight(batch: Batch) -> Tensor:
    """How many rows of a batch count."""
    if batch.weights is None:
        return batch.rows.new_full((), len(batch), dtype=torch.float32)
    return batch.weights.sum().clamp(min=torch.finfo(torch.float32).tiny)


def _metrics(found: Comparison) -> Metrics:
    """With the weights of the rows as they are."""
    return {name: finite(float(value)) for name, value in found.values(found.weights.unsqueeze(0)).items()}


def _inputs(data: TensorData, name: str) -> Tensor:
    """The rows of a field that are compared, as the network reads them, `[M, …]`."""
    return torch.cat([batch.inputs[name] for batch in plain_batches(data.take(spread(len(data))), _READ)])


def _weights(data: TensorData) -> Tensor:
    """How much each row counts, float64 `[N]`, on the CPU."""
    return torch.ones(len(data), dtype=torch.float64) if data.weights is None else data.weights.double().cpu()


def _as_compared(target: TargetObjective, raw: Tensor) -> Tensor:
    """Rows in the unit of the data as they are compared. Both units lie on a line."""
    if target.target.field_type == "image":
        return raw
    start, end = (target.read(fill(raw)) for fill in (torch.zeros_like, torch.ones_like))
    return (raw - start) / (end - start)


def _compared(target: TargetObjective, rows: Tensor) -> Tensor:
    """Rows as they are compared: images in [0, 1], whatever they are scaled to; vectors in the unit of training."""
    rows = rows.float()
    return target.read(rows) if target.target.field_type == "image" else rows
