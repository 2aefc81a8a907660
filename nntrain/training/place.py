"""Which of several processes this one is, as whoever started it says. Torch-free."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nntrain.errors import UsageError

STORE: Final = "NNTRAIN_RENDEZVOUS"
"""Variable with the file by which the processes of `fit --processes` find each other; torchrun gives an address instead."""
ANNOUNCED: Final = "run"
"""File beside that one in which the first process names the run, once it trains."""
COMMAND: Final = "NNTRAIN_COMMAND"
"""Variable with the command line, a JSON list, that has started the processes."""
PARENT: Final = "NNTRAIN_PARENT"
"""Variable with the process that started this one, and without which it is of no use."""

LOST: Final = 74
"""Exit code of a process that ends because another one is gone: it is not the reason."""

_NEEDED: Final = ("RANK", "WORLD_SIZE")
_ADDRESS: Final = ("MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True, slots=True)
class Place:
    """One of several processes."""

    rank: int
    """From 0. The first one writes the run."""
    size: int
    """How many there are, at least two."""
    local_rank: int
    """From 0, on this machine."""
    local_size: int
    """How many there are on this machine."""
    store: str | None = None
    """File by which they find each other; `None`: the address in the environment."""
    address: str | None = None
    """That address, `host:port`."""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Place | None:
        """What the environment says; `None` for a process that is alone.

        Raises:
            UsageError: It says a part of it, or something that can't be.
        """
        if not all(name in environment for name in _NEEDED):
            return None
        size = _number(environment, "WORLD_SIZE")
        if size == 1:
            return None
        store = environment.get(STORE)
        missing = [name for name in _ADDRESS if store is None and name not in environment]
        if missing:
            raise UsageError(
                f"WORLD_SIZE is {size}, and {' and '.join(missing)} not set: no process finds the others",
                "torchrun sets them; on one machine: nntrain fit CONFIG --processes N",
            )
        rank = _number(environment, "RANK")
        local_rank, local_size = _number(environment, "LOCAL_RANK", rank), _number(environment, "LOCAL_WORLD_SIZE", size)
        if not (0 <= rank < size and 0 <= local_rank < local_size):
            raise UsageError(f"RANK is {rank} of WORLD_SIZE {size}, LOCAL_RANK {local_rank} of LOCAL_WORLD_SIZE {local_size}")
        return cls(rank, size, local_rank, local_size, store, _address(environment) if store is None else None)

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes and prints."""
        return self.rank == 0


def _address(environment: Mapping[str, str]) -> str:
    host, port = (environment[name] for name in _ADDRESS)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _number(environment: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = environment.get(name)
    if text is None and default is not None:
        return default
    try:
        return int(text or "")
    except ValueError:
        raise UsageError(f"{name} is {text!r}, no number") from None


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_here: list[Place] = []


def take(place: Place) -> None:
    """Be one of several processes from here on."""
    _here[:] = [place]


def here() -> Place | None:
    """Which of several processes this one is; `None` where it is alone."""
    return _here[0] if _here else None


def process_count() -> int:
    """How many processes train together."""
    return _here[0].size if _here else 1
