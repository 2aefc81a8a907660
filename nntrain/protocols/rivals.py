"""Two networks that learn against each other: one tells real rows from generated ones, the other one generates them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import Batch, TensorData, plain_batches
from nntrain.data.noise import derive_seed
from nntrain.data.sources.source import Part
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
from nntrain.tasks.gan import DISCRIMINATOR
from nntrain.training.evaluation import Scores
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss, sum_tensors
from nntrain.training.session import Metrics, Session, StepLoss, Subject, Weighable

_READ: Final = 256
"""Rows that are read at once to be compared."""


class AdversarialProtocol:
    """See `Adversarial`. Rows come as in supervised learning, each batch with noise for its rows: nothing is kept from step to step."""

    def __init__(self, settings: Adversarial) -> None:
        self._settings = settings
        self._rows = SupervisedProtocol()
        self._sample: Tensor | None = None
        """Training rows that those of a split are compared with, once a run measures."""

    def steps_per_epoch(self, session: Session) -> int:
        """Each step takes a batch for every update of the discriminator."""
        return self._rows.steps_per_epoch(self._widened(session))

    def batches(self, session: Session, epoch: int, start: int) -> Iterator[tuple[Batch, ...]]:
        """The rows of each update of the discriminator; the generator is moved by the noise of the last of them."""
        for step, batches in enumerate(self._rows.batches(self._widened(session), epoch, start), start):
            drawn = [derive_seed(session.seed, "rivals", epoch, step, place) for place in range(len(batches))]
            yield tuple(with_noise(session.objective, batch, seed) for batch, seed in zip(batches, drawn, strict=True))

    def step(self, session: Session, batches: tuple[Batch, ...]) -> StepLoss:
        """The loss of the discriminator; the generator follows."""
        return self._tell_apart(session, 0, batches)

    def _tell_apart(self, session: Session, place: int, batches: tuple[Batch, ...]) -> StepLoss:
        """The loss of the discriminator on one of the batches of a step."""
        pair, batch, is_last = Pair.of(session), batches[place], place == len(batches) - 1
        with session.precision.autocast():
            with torch.set_grad_enabled(is_last):
                made = pair.make(batch.inputs)
            real = pair.score(batch.inputs[pair.name])
            generated = pair.score(made.detach())
        weight = _weight(batch)
        loss = pair.loss_of_both(real, generated, batch.weights) / weight
        penalty = pair.penalty
        if penalty:
            shares = torch.rand(
                len(batch), generator=torch.Generator().manual_seed(derive_seed(session.seed, "between", *_key(pair, batch)))
            )
            found = gradient_penalty(pair.score, batch.inputs[pair.name], made.float(), shares.to(made.device))
            loss = loss + penalty * found.mean()
        following = partial(self._fool, session, made) if is_last else partial(self._tell_apart, session, place + 1)
        parts = {(pair.name, DISCRIMINATOR): LossPart(loss.detach() * weight, weight)}
        return StepLoss(loss, parts, following=following)

    def _fool(self, session: Session, made: Tensor, batches: tuple[Batch, ...]) -> StepLoss:
        """The loss of the generator by what it has made, as the discriminator sees it now, whose weights get no gradient."""
        pair, batch = Pair.of(session), batches[-1]
        with session.precision.autocast(), pair.fixed():
            scores = pair.score(made)
        weight = _weight(batch)
        loss = pair.loss_of_generator(scores, batch.weights) / weight
        return StepLoss(loss, {(pair.name, "generator"): LossPart(loss.detach() * weight, weight)})

    def evaluate(self, session: Session) -> Metrics | None:
        """What is reported of both splits; `None` where a stop was wanted in between."""
        subject = Subject(session.network, session.objective, session.precision, {}, session.batch_size)
        averaged = session.ema.applied(session.network) if session.ema is not None else nullcontext()
        self._keep_sample(session)
        found: Metrics = {}
        with averaged:
            for part, data in (("train", session.splits.sample), ("validation", session.splits.validation)):
                if data is None:
                    continue
                metrics = self._found(subject, data, cast("Part", part), session.stop_wanted)
                if metrics is None:
                    return None
                found |= {f"{part}.{name}": value for name, value in metrics.items()}
        return found

    def measure(self, subject: Subject, data: TensorData, part: Part | None) -> Scores:
        """What is reported, of all rows."""
        return Scores(self._found(subject, data, part) or {})

    def measure_baseline(self, subject: Subject, data: TensorData, part: Part | None) -> Metrics:
        """The same of noise whose values have the mean and standard deviation of those of the training rows."""
        [(name, target)] = subject.objective.targets.items()
        mean, above = _as_compared(target, subject.baseline[name].cpu().float())
        real, deviation = _compared(target, _inputs(data, name)), above - mean
        draw = torch.Generator().manual_seed(derive_seed(0, "noise to compare with", part or ""))
        noise = mean + deviation * torch.randn((len(real), *mean.shape), generator=draw)
        found = Neighbors.of(real, noise.to(real.device), spread(len(data))).accuracy(_weights(data).unsqueeze(0))
        return {"neighbor_accuracy": finite(float(found))}

    def judge(self, subject: Subject, data: TensorData, part: Part | None) -> Weighable:
        """The same for other weights of the rows."""
        found = self._compare(subject, data, part)
        assert found is not None
        return found

    def state(self) -> dict[str, Any]:
        """Nothing: rows and noise are functions of the position."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Nothing to take back."""

    def _widened(self, session: Session) -> Session:
        """A session whose steps take as many batches as the discriminator has updates."""
        return replace(session, accumulate=self._settings.discriminator_steps)

    def _keep_sample(self, session: Session) -> None:
        if self._sample is None:
            [(name, target)] = session.objective.targets.items()
            self._sample = _compared(target, _inputs(session.splits.sample, name))

    def _found(
        self, subject: Subject, data: TensorData, part: Part | None, stop_wanted: Callable[[], bool] | None = None
    ) -> Metrics | None:
        found = self._compare(subject, data, part, stop_wanted)
        if found is None:
            return None
        return {name: finite(float(value)) for name, value in found.values(found.weights.unsqueeze(0)).items()}

    def _compare(
        self, subject: Subject, data: TensorData, part: Part | None, stop_wanted: Callable[[], bool] | None = None
    ) -> Comparison | None:
        """Score all rows of a split, and as many generated ones as are compared; `None` where a stop was wanted."""
        assert isinstance(subject.network, Network)
        pair = Pair(subject.network, subject.objective)
        rows, size = spread(len(data)), max(1, subject.rows)
        real: list[Tensor] = []
        generated: list[Tensor] = []
        made: list[Tensor] = []
        with resting(subject.network), subject.precision.autocast():
            for batch in plain_batches(data, size):
                if stop_wanted is not None and stop_wanted():
                    return None
                real.append(pair.score(batch.inputs[pair.name]).float())
            for count, batch in enumerate(plain_batches(data.take(rows), size)):
                drawn = with_noise(subject.objective, batch, derive_seed(0, "rivals are measured", part or "", count))
                made.append(pair.make(drawn.inputs).float())
                generated.append(pair.score(made[-1]).float())
        compared = _compared(pair.target, _inputs(data, pair.name))
        found = Neighbors.of(compared, _compared(pair.target, torch.cat(made)), rows)
        floor = None if part == "train" or self._sample is None else Neighbors.of(compared, self._sample, rows)
        return Comparison.of(pair, torch.cat(real), torch.cat(generated), _weights(data), (found, floor))


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

    def make(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Generated rows, `[B, …]`, of the noise in the inputs of a batch."""
        return self.network.run_behind({key: inputs[key] for key in self.target.task.drawn})[self.name]

    def score(self, rows: Tensor) -> Tensor:
        """What the discriminator says of rows, `[B, 1]`."""
        return self.network.run_behind({self.name: rows})[f"{self.name}.{DISCRIMINATOR}"]

    @contextmanager
    def fixed(self) -> Generator[None]:
        """Context in which the weights of the discriminator get no gradients."""
        modules = self.network.modules_behind([self.name])
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
        """Sum over the rows of what the generator loses: with bce they should pass for real, else their score should be high."""
        return sum_tensors([loss.factor * _fooling(tag, loss.function, scores, weights) for tag, loss in self.losses.items()])


def _apart(loss: LossFunction, real: Tensor, generated: Tensor, weights: Tensor | None) -> Tensor:
    ones = real.new_ones(len(real), dtype=torch.float32)
    return loss(real, ones, weights).sum + loss(generated, torch.zeros_like(ones), weights).sum


def _fooling(tag: str, loss: LossFunction, scores: Tensor, weights: Tensor | None) -> Tensor:
    if tag == "bce":
        return loss(scores, scores.new_ones(len(scores), dtype=torch.float32), weights).sum
    raised = -scores.float().reshape(len(scores))
    return (raised if weights is None else raised * weights).sum()


def with_noise(objective: Objective, batch: Batch, seed: int) -> Batch:
    """A batch with what tasks want drawn for its rows, standard normal."""
    draw = torch.Generator().manual_seed(seed)
    drawn = {key: spec for target in objective.targets.values() for key, spec in target.task.drawn.items()}
    noise = {key: torch.randn(len(batch), *(known(size) for size in spec.sizes), generator=draw) for key, spec in drawn.items()}
    return replace(batch, inputs={**batch.inputs, **{key: value.to(batch.rows.device) for key, value in noise.items()}})


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
    floor: Neighbors | None

    @classmethod
    def of(cls, pair: Pair, real: Tensor, generated: Tensor, weights: Tensor, neighbors: tuple[Neighbors, Neighbors | None]) -> Comparison:
        """From the scores of both."""
        ones, zeros = real.new_ones(len(real)), real.new_zeros(len(generated))
        losses = pair.losses
        is_chance = "bce" in losses
        of_real = sum_tensors([loss.factor * loss.function.per_row(real, ones, None) for loss in losses.values()])
        of_others = sum_tensors([loss.factor * loss.function(generated, zeros).sum for loss in losses.values()])
        shown = [torch.sigmoid(score) if is_chance else score for score in (real, generated)]
        means = (float(shown[1].mean()), float(of_others) / len(generated), float(pair.loss_of_generator(generated)) / len(generated))
        by_row = torch.stack([shown[0].flatten(), of_real.flatten()], dim=1).double().cpu()
        return cls(weights, by_row, means, *neighbors)

    def values(self, weights: Tensor) -> dict[str, Tensor]:
        """The metrics for R weightings `[R, N]`."""
        score, loss = ((weights @ self.by_row) / weights.sum(dim=1, keepdim=True)).unbind(dim=1)
        generated_score, of_generated, generator_loss = (torch.full_like(score, value) for value in self.of_generated)
        floor = {} if self.floor is None else {"neighbor_floor": self.floor.accuracy(weights)}
        return {
            "neighbor_accuracy": self.neighbors.accuracy(weights),
            **floor,
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


def _key(pair: Pair, batch: Batch) -> Sequence[int]:
    """What tells a batch from others of its run: the rows that it begins and ends with, and the bits of a number of its noise."""
    noise = batch.inputs[next(iter(pair.target.task.drawn))]
    return [int(batch.rows[0]), int(batch.rows[-1]), int(noise.flatten()[:1].view(torch.int32))]


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
