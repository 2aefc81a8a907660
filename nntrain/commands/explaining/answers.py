"""What is explained of a run: which of its answers, and how it is read off the outputs of its network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nntrain.errors import UsageError
from nntrain.insight.explainable import POSSIBLE, why_not
from nntrain.insight.settings import PREDICTED
from nntrain.nearest import nearest

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.commands.stored.opening import Stored
    from nntrain.insight.attributing import Answer
    from nntrain.training.objective import TargetObjective

SEPARATOR: Final = ":"


@dataclass(frozen=True, slots=True)
class Asked:
    """A target, and which of its answers is explained."""

    target: str
    output: str | None
    """Name of a class or value; `None` for the likeliest class of each row, or the only value."""


def require_explainable(stored: Stored) -> None:
    """Raises `UsageError` for a network that gives rows no single answer."""
    plans = [(plan.task, plan.target) for plan in stored.blueprint.targets.values()]
    why = why_not(plans)
    if why is not None:
        raise UsageError(f"{stored.run.name} can't be explained: {why}", POSSIBLE)


def asked_of(stored: Stored, wanted: str) -> Asked:
    """Read `target`: a target, a class, or both. Raises `UsageError`."""
    names = {target: output_names(stored, target) for target in stored.fields.targets}
    first = next(iter(names))
    if wanted == PREDICTED or wanted in names:
        target = first if wanted == PREDICTED else wanted
        is_one = len(names[target]) == 1 or _ahead(stored, target) is not None
        return Asked(target, names[target][0] if is_one else None)
    target, separator, output = wanted.partition(SEPARATOR)
    if separator and output in names.get(target, ()):
        return Asked(target, output)
    having = [name for name, outputs in names.items() if wanted in outputs]
    if len(having) == 1:
        return Asked(having[0], wanted)
    every = [PREDICTED, *names, *(output for outputs in names.values() for output in outputs if outputs != (first,))]
    if having:
        raise UsageError(f"target: {wanted!r} is a class of {' and of '.join(having)}", f"{having[0]}{SEPARATOR}{wanted}")
    near = nearest(wanted, every)
    told = f"nearest: {near[0]}" if near else f"one of: {', '.join(dict.fromkeys(every[:20]))}"
    raise UsageError(f"target: nothing that is predicted has the name {wanted!r}", told)


@dataclass(frozen=True, slots=True)
class _Ahead:
    """A forecast: of each column the mean over the rows ahead, then each of them."""

    columns: tuple[str, ...]
    steps: int

    @property
    def names(self) -> tuple[str, ...]:
        """As `target` has them: `load`, `load:1` and so on."""
        return tuple(name for column in self.columns for name in (column, *(f"{column}{SEPARATOR}{step}" for step in self._steps)))

    @property
    def words(self) -> tuple[str, ...]:
        """As people read them."""
        return tuple(
            words
            for column in self.columns
            for words in (
                f"mean {column}, {self.steps} rows ahead" if self._steps else column,
                *(f"{column}, row {step} ahead" for step in self._steps),
            )
        )

    @property
    def _steps(self) -> range:
        return range(1, self.steps + 1 if self.steps > 1 else 1)

    def read(self, predicted: Tensor) -> Tensor:
        """Predictions `[B]`, `[B, H]` or `[B, H, C]` as `[B, K]`."""
        by_column = predicted.reshape(len(predicted), self.steps, len(self.columns)).transpose(1, 2)
        if not self._steps:
            return by_column.flatten(1)
        import torch

        return torch.cat([by_column.mean(dim=2, keepdim=True), by_column], dim=2).flatten(1)


def _ahead(stored: Stored, target: str) -> _Ahead | None:
    """How a target is a forecast; `None` for one that is none."""
    window, fitted = stored.fields.window, stored.fields.targets[target]
    if window is None or fitted.classes:
        return None
    return _Ahead(fitted.columns or (target,), window.horizon)


def output_names(stored: Stored, target: str) -> tuple[str, ...]:
    """What is predicted of a target: its classes, the columns of a vector, what a forecast says of rows ahead, or the target itself."""
    ahead = _ahead(stored, target)
    if ahead is not None:
        return ahead.names
    fitted, plan = stored.fields.targets[target], stored.blueprint.targets[target]
    if plan.kind != "values":
        return fitted.classes
    if not plan.target.spec.rank:
        return (target,)
    own = next(field.plan.columns for field in stored.fields.fields if field.name == target and field.plan.role == "target")
    count = fitted.scale.numel()
    return own if len(own) == count else tuple(f"{target}[{place}]" for place in range(count))


def answer_of(stored: Stored, target: str) -> Answer:
    """How the answers of a target are read."""
    from nntrain.insight.attributing import Answer

    objective = stored.objective.targets[target]
    names, is_probability = output_names(stored, target), stored.blueprint.targets[target].kind != "values"
    ahead = _ahead(stored, target)

    def read(outputs: Mapping[str, Tensor]) -> Tensor:
        predicted = objective.predict(outputs[target])
        return side_by_side(predicted, is_probability=is_probability) if ahead is None else ahead.read(predicted)

    def score(outputs: Mapping[str, Tensor]) -> Tensor:
        return _scores(objective, outputs[target], len(names)) if is_probability else read(outputs)

    return Answer(names if ahead is None else ahead.words, read, score, is_probability)


def chosen_answers(stored: Stored, asked: Asked, found: Tensor) -> Tensor:
    """Which of the answers `[B, K]` for some rows is explained, int64 `[B]`."""
    import torch

    if asked.output is not None:
        return torch.full((len(found),), output_names(stored, asked.target).index(asked.output), device=found.device)
    threshold = stored.objective.targets[asked.target].reading.threshold
    return (found[:, 1] > threshold).long() if threshold is not None and found.shape[1] == 2 else found.argmax(dim=1)


def side_by_side(predicted: Tensor, *, is_probability: bool) -> Tensor:
    """Predictions as `[B, K]`: of two classes, of which the second is told, both."""
    import torch

    if predicted.ndim > 1:
        return predicted
    return torch.stack([1 - predicted, predicted], dim=1) if is_probability else predicted.unsqueeze(1)


def _scores(objective: TargetObjective, output: Tensor, count: int) -> Tensor:
    """What probabilities are made of, `[B, K]`; themselves where each is not made of one number."""
    import torch

    flat = output.float().reshape(len(output), -1)
    if flat.shape[1] == count:
        return flat
    if flat.shape[1] == 1 and count == 2:
        return torch.cat([-flat, flat], dim=1)
    return side_by_side(objective.predict(output), is_probability=True)
