"""Environments of Gymnasium (https://gymnasium.farama.org), to be acted in. Needs the extra games."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import Field as Option
from pydantic import PositiveInt

from nntrain.data.header import Header
from nntrain.data.sources.simulation import Moved, Rules, Simulation, World, refuse_actions
from nntrain.errors import DataError
from nntrain.nearest import nearest

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

INSTALL: Final = "pip install 'nntrain[games]'"


class Gymnasium(Simulation):
    """An environment of Gymnasium with a number of actions to choose from; what is seen becomes one row of numbers.

    `pip install 'nntrain[games]'`; environments beyond classic control and toy text need what Gymnasium says.
    """

    main: ClassVar[str | None] = "env"

    type: Literal["gymnasium"] = "gymnasium"
    env: Annotated[str, Option(pattern=r"^[A-Za-z0-9_./-]+$")]
    """Its name, with the version: `CartPole-v1`. Environments of your own are registered by a module that `--plugin` names."""
    options: dict[str, bool | int | float | str] = Option(default_factory=dict[str, bool | int | float | str])
    """What the environment is made with: `{is_slippery: false}` of FrozenLake-v1."""
    max_moves: PositiveInt | None = None
    """Moves after which an episode is cut off. Default: what the environment says."""
    actions: tuple[str, ...] | None = None
    """Names of the actions in their order, as predictions have them. Default: their numbers."""

    @property
    def title(self) -> str:
        """Its name."""
        return self.env

    @property
    def lacks(self) -> str | None:
        """The package."""
        return f"gymnasium needs a package that is not installed: {INSTALL}" if find_spec("gymnasium") is None else None

    def outline(self) -> Header | None:
        """What the environment tells; nothing where it can't be made."""
        from pathlib import Path

        if self.lacks is not None:
            return None
        with suppress(DataError):
            return self.peek(Path("train"), self.title)
        return None

    def rules(self) -> Rules:
        """What the spaces of the environment tell. Raises `DataError`."""
        from gymnasium.spaces import flatdim

        env = self._make()
        try:
            features, count = int(flatdim(env.observation_space)), _count(env.action_space)
            if count < 2:
                raise refuse_actions(str(env.action_space), self.title)
        finally:
            env.close()
        names = tuple(map(str, range(count))) if self.actions is None else self.actions
        if len(set(names)) != count:
            raise DataError(f"data.source.actions: {self.title} has {count} actions, and {len(set(names))} different names are given")
        return Rules(features, names)

    def open(self) -> World:
        """The environment, running. Raises `DataError`."""
        return _Running(self._make())

    def _make(self) -> Any:
        if self.lacks is not None:
            raise DataError(f"data.source: {self.lacks}")
        import gymnasium

        try:
            env: Any = gymnasium.make(self.env, max_episode_steps=self.max_moves, disable_env_checker=True, **self.options)
        except gymnasium.error.UnregisteredEnv:
            near = nearest(self.env, tuple(gymnasium.registry))
            hint = f"nearest: {', '.join(near)}" if near else "an environment of your own: --plugin the module that registers it"
            raise DataError(f"data.source.env: gymnasium has no environment {self.env!r}", hint) from None
        except Exception as error:  # an environment raises whatever it likes where a package is missing or an option is wrong
            raise DataError(f"data.source: {self.env} can't be made: {str(error) or type(error).__name__}") from None
        if env.spec.max_episode_steps is None:
            raise DataError(f"data.source: episodes of {self.env} may last for ever", "fix:  data.source.max_moves: 1000")
        return env


def _count(space: Any) -> int:
    """How many actions there are to choose from; 0 of those that can't be counted."""
    from gymnasium.spaces import Discrete

    return int(space.n) if isinstance(space, cast("type[Any]", Discrete)) else 0


class _Running:
    """An environment whose observations are rows of numbers."""

    def __init__(self, env: Any) -> None:
        self._env, self._space, self._first = env, env.observation_space, int(env.action_space.start)

    def reset(self, seed: int) -> Array:
        return self._flat(self._env.reset(seed=seed)[0])

    def step(self, action: int) -> Moved:
        observation, reward, terminated, truncated, _ = self._env.step(self._first + action)
        return Moved(self._flat(observation), float(reward), bool(terminated), bool(truncated))

    def close(self) -> None:
        self._env.close()

    def _flat(self, observation: Any) -> Array:
        """Float32 `[F]`, in memory of its own: some environments write the next observation over the last."""
        import numpy as np
        from gymnasium.spaces import flatten

        return np.array(flatten(self._space, observation), dtype=np.float32)
