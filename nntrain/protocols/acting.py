"""Acting in a simulation: what the network reads of an observation, the episode that is running, and episodes that are only measured."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from nntrain.data.sources.simulation import Moved, Simulation, World, episode_seed
from nntrain.data.sources.source import Part
from nntrain.errors import CheckpointError
from nntrain.modules.metrics import finite
from nntrain.training.device import Precision
from nntrain.training.progress import count_of
from nntrain.training.session import Metrics, Origin

Array = np.ndarray[Any, Any]


class Stage:
    """A simulation as the fields of a run see it."""

    def __init__(self, source: Simulation, origin: Origin) -> None:
        self.source, self._fields = source, origin.fields
        self.target, fitted = next(iter(origin.fields.targets.items()))
        names = source.rules().actions
        self.actions = tuple(names.index(name) for name in fitted.classes)
        """The action of the simulation that each value of the network is of."""

    def inputs(self, observations: Array, device: torch.device | None = None) -> Mapping[str, Tensor]:
        """Observations float32 `[N, F]` as the network reads them, `[N, …]` by name."""
        found = self._fields.encode(self.source.table(self.source.title, observations), with_targets=False).inputs
        return found if device is None else {name: value.to(device) for name, value in found.items()}

    def best(self, network: nn.Module, precision: Precision, inputs: Mapping[str, Tensor]) -> list[int]:
        """The action that is worth most for each row, by its place among the network's values."""
        return cast("list[int]", self.values(network, precision, inputs).argmax(dim=1).tolist())

    def values(self, network: nn.Module, precision: Precision, inputs: Mapping[str, Tensor]) -> Tensor:
        """What each action is worth, float32 `[N, K]`."""
        with precision.autocast():
            outputs, _ = network(inputs)
        return outputs[self.target].float()

    def play(
        self, part: Part, numbers: Sequence[int], choose: Callable[[Array], list[int]], stop_wanted: Callable[[], bool] | None = None
    ) -> list[float] | None:
        """Play episodes side by side, to the end of each.

        Args:
            part: Whose episodes: `validation`, `test`.
            numbers: Which of them.
            choose: The places of the actions for observations `[N, F]`.
            stop_wanted: Asked before each move.

        Returns:
            The return of each episode, or `None` where a stop was wanted.
        """
        with ExitStack() as stack:
            worlds = [stack.enter_context(closing(self.source.open())) for _ in numbers]
            seen = [world.reset(episode_seed(part, number)) for world, number in zip(worlds, numbers, strict=True)]
            returns = [0.0] * len(worlds)
            running = list(range(len(worlds)))
            while running:
                if stop_wanted is not None and stop_wanted():
                    return None
                going: list[int] = []
                for place, action in zip(running, choose(np.stack([seen[place] for place in running])), strict=True):
                    moved = worlds[place].step(self.actions[action])
                    seen[place] = moved.observation
                    returns[place] += moved.reward
                    if not (moved.terminated or moved.truncated):
                        going.append(place)
                running = going
        return returns


@dataclass(slots=True)
class Episode:
    """The episode that is running. It is saved as its seed and the actions so far, and goes on from there in a new simulation."""

    world: World
    number: int
    """Which episode of the run it is, from 0."""
    seed: int
    actions: list[int]
    """What was done, by number of the simulation's action."""
    observation: Array
    """What was seen last, float32 `[F]`."""
    gained: float = 0.0
    """Sum of the rewards so far."""

    @classmethod
    def begin(cls, world: World, number: int, seed: int) -> Episode:
        """Start at a seed."""
        return cls(world, number, seed, [], world.reset(seed))

    def move(self, action: int) -> Moved:
        """Take an action."""
        moved = self.world.step(action)
        self.actions.append(action)
        self.observation = moved.observation
        self.gained += moved.reward
        return moved

    def state(self) -> dict[str, Any]:
        """All that it can be played again from, and what that must lead to."""
        return {
            "number": self.number,
            "seed": self.seed,
            "actions": torch.tensor(self.actions, dtype=torch.int64),
            "observation": torch.from_numpy(self.observation.copy()),
        }

    @classmethod
    def restore(cls, stage: Stage, state: Mapping[str, Any]) -> Episode:
        """Play again what `state` tells.

        Raises:
            CheckpointError: It leads somewhere else than it did.
            LookupError, TypeError, ValueError, AttributeError: The state is not what `state` gives.
        """
        actions = cast("list[int]", state["actions"].tolist())
        if not set(actions) <= set(stage.actions):
            raise ValueError("actions that there are not")
        episode = cls.begin(stage.source.open(), count_of(state, "number"), count_of(state, "seed"))
        ended = False
        for action in actions:
            moved = episode.move(action)
            ended |= moved.terminated or moved.truncated
        if ended or episode.observation.tobytes() != state["observation"].numpy().tobytes():
            title = stage.source.title
            raise CheckpointError(
                f"{title} does not go as it went: the {len(actions):,} moves of the running episode, played again, lead somewhere else",
                f"is {title} another version, or not a function of its seed? A run in it can't go on; train a new one",
            )
        return episode


@contextmanager
def resting(network: nn.Module) -> Generator[None]:
    """Context in which a network is in evaluation mode, without gradients."""
    was_training = network.training
    if was_training:
        network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        if was_training:
            network.train()


def summary_of(returns: Sequence[float]) -> Metrics:
    """The mean of some returns, and the standard deviation over the episodes; `None` where there are too few."""
    if not returns:
        return {"return": None, "return_sd": None}
    values = torch.tensor(returns, dtype=torch.float64)
    return {"return": finite(float(values.mean())), "return_sd": finite(float(values.std())) if len(returns) > 1 else None}


@dataclass(frozen=True, slots=True)
class Returns:
    """Returns of episodes, which may be counted in other ways."""

    returns: Tensor
    """Float64 `[N]`."""

    @property
    def weights(self) -> Tensor:
        """All alike, float64 `[N]`."""
        return torch.ones_like(self.returns)

    def values(self, weights: Tensor) -> dict[str, Tensor]:
        """Mean and standard deviation for R weightings `[R, N]`."""
        counts = weights.sum(dim=1)
        mean = (weights * self.returns).sum(dim=1) / counts
        squares = (weights * (self.returns - mean.unsqueeze(1)).square()).sum(dim=1)
        return {"return": mean, "return_sd": torch.where(counts > 1, squares / (counts - 1), torch.nan).sqrt()}
