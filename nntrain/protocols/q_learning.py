"""Settings of learning what actions are worth by acting. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt, model_validator

from nntrain.data.sources.simulation import Simulation
from nntrain.data.sources.source import Source
from nntrain.errors import Problem, YamlPath
from nntrain.losses.links import Link
from nntrain.metrics.metric import Direction
from nntrain.protocols.protocol import Protocol
from nntrain.schema import StrictModel
from nntrain.tasks.task import Task

if TYPE_CHECKING:
    from nntrain.training.session import Origin, TrainingProtocol

Share = Annotated[float, Field(ge=0, le=1)]


class Epsilon(StrictModel):
    """How often an action is drawn at random, so that all are tried: a share that falls in a line and then stays."""

    start: Share = 1.0
    """Share at the first step."""
    end: Share = 0.05
    """Share from `fraction` of the run on."""
    fraction: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Part of the run's steps over which it falls."""

    @model_validator(mode="after")
    def _falls(self) -> Epsilon:
        if self.end > self.start:
            raise ValueError(f"end {self.end:g} is above start {self.start:g}: the share falls")
        return self

    def at(self, step: int, total_steps: int) -> float:
        """The share at a step, from 0."""
        return self.start + (self.end - self.start) * min(1.0, step / max(1.0, self.fraction * total_steps))


class DQN(Protocol):
    """Deep Q-learning (Mnih et al. 2015): acts by the values that the network gives, mostly, and learns them from what it has seen.

    Each step draws rows from the last `buffer` moves. The value of an action is to be its reward and `gamma` times what the best next
    action is worth to a copy of the network that is renewed now and then; where an episode ended there is no next action, and where it
    was only cut off there is one. Reports have the return of whole episodes, the sum of their rewards: `train.return` of those that ended
    since the last report, tries at random included, and `validation.return` of those that are played by the best actions alone.
    """

    main: ClassVar[str | None] = "epsilon"
    deaf: ClassVar[Mapping[YamlPath, str]] = {
        ("baselines",): "is compared with a random policy, not with models of the rows",
        ("data", "batch"): "draws the rows of a step from what it has seen",
        ("data", "window"): "acts by single observations",
        ("regularization", "mixup"): "has a target for one action alone, which can't be mixed",
        ("regularization", "cutmix"): "has no images to cut",
        ("regularization", "noise"): "takes observations as they are",
        ("regularization", "swa"): "acts by the weights while they are learned; ema averages them too",
        ("training", "soup"): "acts by the weights while they are learned; ema averages them too",
    }

    type: Literal["dqn"] = "dqn"
    double: bool = True
    """Let the network choose the next action and its copy say what that is worth, so that values are not too high (van Hasselt et al.
    2016); without it the copy does both."""
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.99
    """What a reward counts that comes one move later."""
    buffer: PositiveInt = 10_000
    """Moves that are remembered; then the oldest go."""
    learn_start: PositiveInt = 1000
    """Moves that are made before the first step."""
    train_every: PositiveInt = 1
    """Moves for each further step."""
    target_every: PositiveInt = 500
    """Steps after which the copy is renewed."""
    epoch_moves: PositiveInt = 1000
    """Moves of an epoch, which has `epoch_moves / train_every` steps."""
    epsilon: Epsilon = Epsilon()
    """How often an action is drawn at random."""

    @model_validator(mode="after")
    def _moves_fit(self) -> DQN:
        if self.learn_start > self.buffer:
            raise ValueError(f"learn_start {self.learn_start} is above buffer {self.buffer}: so many moves are never there")
        if self.epoch_moves % self.train_every:
            raise ValueError(f"epoch_moves {self.epoch_moves} is no multiple of train_every {self.train_every}")
        return self

    @property
    def metrics(self) -> Mapping[str, Direction]:
        """The mean return of episodes, and its standard deviation over them."""
        return {"return": "max", "return_sd": "min"}

    @property
    def baseline_name(self) -> str:
        return "random actions"

    @property
    def epoch(self) -> int:
        return self.epoch_moves // self.train_every

    def problems(self, source: Source, tasks: Mapping[str, Task], links: Mapping[str, Link], *, has_length: bool) -> Iterator[Problem]:
        path = ("training", "protocol")
        if not isinstance(source, Simulation):
            yield Problem(path, f"dqn learns by acting, and {source.type} is not a source to act in", "fix:  data.source: gymnasium")
        if len(tasks) > 1:
            yield Problem(path, f"dqn learns to choose one action, and there are {len(tasks)} targets: {', '.join(tasks)}")
        for name, task in tasks.items():
            if task.protocol != self.type:
                yield Problem(path, f"dqn learns what actions are worth, and the task of {name} is {task.type}", "fix:  task: q_values")
            elif links[name].per_value != 1:
                yield Problem(("loss",), "reads several numbers for each action, and dqn learns one", "fix:  loss: smooth_l1")
        if not has_length and self.epsilon.start != self.epsilon.end:
            yield Problem(
                (*path, "epsilon"),
                "falls over a part of the run, and max_minutes alone gives no number of steps",
                "fix:  training.max_epochs or training.max_steps",
            )

    def build(self, origin: Origin) -> TrainingProtocol:
        from nntrain.protocols.dqn import DQNProtocol

        return DQNProtocol(self, origin)
