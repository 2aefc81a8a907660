"""A simulation of our own, which is small and quick: tests of acting need no package for it."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from nntrain.data.sources.simulation import Moved, Rules, Simulation, World

Array = np.ndarray[Any, Any]

MODULE = "corridor"
SOURCE: dict[str, Any] = {"type": "corridor:Corridor", "steps": 40, "validation": 6, "test": 8}


class Corridor(Simulation):
    """Five places in a row, of which one is begun at. The far end ends an episode and gives 1, each move costs 0.1; 9 moves cut it off."""

    type: Literal["corridor:Corridor"] = "corridor:Corridor"
    drift: int = 0
    """How far each move goes beyond its own: with 1 the same moves lead elsewhere."""

    @property
    def title(self) -> str:
        return "corridor"

    def rules(self) -> Rules:
        return Rules(2, ("back", "ahead"))

    def open(self) -> World:
        return Walk(self.drift)


class Walk:
    """A corridor that is walked in."""

    def __init__(self, drift: int) -> None:
        self.drift, self.place, self.moves, self.seeds = drift, 0, 0, list[int]()

    def reset(self, seed: int) -> Array:
        self.seeds.append(seed)
        self.place, self.moves = int(np.random.default_rng(seed).integers(4)), 0
        return self._seen()

    def step(self, action: int) -> Moved:
        assert 0 <= action < 2
        self.place = min(4, max(0, self.place + 2 * action - 1 + self.drift))
        self.moves += 1
        terminated = self.place == 4
        return Moved(self._seen(), float(terminated) - 0.1, terminated, not terminated and self.moves == 9)

    def close(self) -> None:
        pass

    def _seen(self) -> Array:
        return np.array([self.place, (self.place - 2) ** 2], dtype=np.float32)
