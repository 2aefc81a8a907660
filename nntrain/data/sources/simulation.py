"""The base of sources that can be acted in: their records are what a random policy sees and does, and a protocol may play on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from pydantic import Field as Option
from pydantic import PositiveInt

from nntrain.data.fields.category import Category
from nntrain.data.fields.field import Field
from nntrain.data.fields.vector import Vector
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.noise import derive_seed
from nntrain.data.sources.source import Part, Source
from nntrain.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from nntrain.data.table import Table

    Array = np.ndarray[Any, Any]

ACTION: Final = "action"
OBSERVATION: Final = "observation"
_COLUMN: Final = "observation_{}"

EPISODES: Final = 2**28
"""Episodes of each kind that have seeds of their own: 31 bits in all, which every simulation takes."""
_BLOCKS: Final[dict[str, int]] = {"train": 0, "records": 1, "validation": 2, "test": 3}


class Moved(NamedTuple):
    """What an action has led to."""

    observation: Array
    """Float32 `[F]`."""
    reward: float
    terminated: bool
    """Whether the episode came to an end of its own: nothing follows, and nothing more can be gained."""
    truncated: bool
    """Whether it was cut off, as by a limit of time: what follows is not seen, and would have been worth something."""


class World(Protocol):
    """A simulation that is running. What happens in an episode is a function of its seed and the actions alone."""

    def reset(self, seed: int) -> Array:
        """Begin an episode; what is seen first, float32 `[F]`."""
        ...

    def step(self, action: int) -> Moved:
        """Take an action, from 0."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What is known of a simulation before it is played."""

    features: int
    """Numbers of an observation."""
    actions: tuple[str, ...]
    """Names of the actions, in their order."""


class Simulation(Source):
    """Where the records come from acting.

    The training rows are what a random policy saw and did, the others what is first seen in each validation and test episode. These
    episodes are the same for all runs; those that a run learns from begin at seeds of their own, which depend on its seed.
    """

    steps: PositiveInt = Option(default=1000, ge=2, lt=EPISODES)
    """Steps of a random policy, each a training row: what fields are fitted on, such as the scaling of observations."""
    validation: PositiveInt = Option(default=20, lt=EPISODES)
    """Episodes that are played at each evaluation."""
    test: PositiveInt = Option(default=100, lt=EPISODES)
    """Episodes that are played at the end, with seeds that nothing else is played with."""

    def rules(self) -> Rules:
        """What is known before it is played. Raises `DataError` where there is no such simulation, or it can't be acted in."""
        raise NotImplementedError

    def open(self) -> World:
        """A simulation to act in. Raises `DataError`."""
        raise NotImplementedError

    @property
    def title(self) -> str:
        """What it is called in messages."""
        return self.type

    @property
    def has_order(self) -> bool:
        """The rows of an episode follow one another by chance."""
        return False

    @property
    def target(self) -> str | None:
        """The action."""
        return ACTION

    @property
    def fields(self) -> Mapping[str, Field]:
        """All numbers of an observation as one vector, and the action."""
        return {OBSERVATION: Vector(columns=_COLUMN.format("*"), role="input"), ACTION: Category(role="target")}

    @property
    def task(self) -> str | None:
        """What moves are worth: those of the rows are random, and no answers."""
        return "q_values"

    def written_paths(self) -> Mapping[Part, str]:
        """No files: names of the parts."""
        return {"train": "train", "validation": "validation", "test": "test"}

    def files(self, folder: Path) -> dict[Part, Path]:
        """No files: names of the parts."""
        return {part: Path(written) for part, written in self.written_paths().items()}

    def peek(self, path: Path, name: str) -> Header:
        """Columns and classes, from the rules alone. Raises `DataError`."""
        rules, rows = self.rules(), self._rows(path)
        numbers = (HeaderColumn(column, (), "float", rows=rows) for column in _columns(rules.features))
        return Header(self._told(path), (*numbers, HeaderColumn(ACTION, (), "class")), rows, classes={ACTION: rules.actions})

    def read(self, path: Path, name: str) -> Table:
        """What a random policy saw and did. Raises `DataError`."""
        import numpy as np

        rules, rows = self.rules(), self._rows(path)
        draw = np.random.default_rng(derive_seed(0, "records", path.name))
        actions = draw.integers(0, len(rules.actions), rows)
        world = self.open()
        try:
            seen = _played(world, actions) if path.name == "train" else [world.reset(episode_seed(path.name, row)) for row in range(rows)]
        finally:
            world.close()
        return self.table(self._told(path), np.stack(seen), [rules.actions[int(action)] for action in actions])

    def table(self, name: str, observations: Array, actions: Sequence[str] | None = None) -> Table:
        """Observations float32 `[N, F]`, and what was done where that is known, as rows."""
        import polars as pl

        from nntrain.data.table import Table

        columns: dict[str, Any] = dict(zip(_columns(observations.shape[1]), observations.T, strict=True))
        if actions is None:
            return Table(name, columns, len(observations))
        columns[ACTION] = pl.Series(ACTION, actions, dtype=pl.String)
        known = {ACTION: HeaderColumn(ACTION, (), "class")}
        return Table(name, columns, len(observations), known=known, classes={ACTION: self.rules().actions})

    def fingerprint(self, path: Path) -> str:
        """What a random policy saw and did, hashed: it changes with the rules of the simulation. Raises `DataError`."""
        from nntrain.data.fingerprint import fingerprint_table

        return fingerprint_table(self.read(path, path.name))

    def _rows(self, path: Path) -> int:
        return {"train": self.steps, "validation": self.validation, "test": self.test}[path.name]

    def _told(self, path: Path) -> str:
        return self.title if path.name == "train" else f"{self.title}, {path.name} episodes"


def episode_seed(kind: str, number: int) -> int:
    """The seed that an episode begins at, in 31 bits: no two kinds share one.

    Args:
        kind: `train`: what is learned from; `records`: the rows of the source; `validation`, `test`.
        number: Which of its kind; beyond 2^28 they come again.
    """
    return _BLOCKS[kind] * EPISODES + number % EPISODES


def _columns(features: int) -> tuple[str, ...]:
    return tuple(_COLUMN.format(index) for index in range(features))


def _played(world: World, actions: Array) -> list[Array]:
    """What was seen before each of some actions, over as many episodes as they take."""
    episode = 0
    observation = world.reset(episode_seed("records", episode))
    seen: list[Array] = []
    for action in actions.tolist():
        seen.append(observation)
        moved = world.step(action)
        observation = moved.observation
        if moved.terminated or moved.truncated:
            episode += 1
            observation = world.reset(episode_seed("records", episode))
    return seen


def refuse_actions(found: str, title: str) -> DataError:
    """The error of a simulation whose actions can't be counted."""
    return DataError(f"{title}: the actions are {found}; what learns by acting needs a number of actions to choose from, at least 2")
