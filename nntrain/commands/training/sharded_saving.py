"""A run whose tensors lie in pieces with several processes, between two steps: the first says what is done, each writes its pieces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.assembly import Assembly
from nntrain.training.distributed import Ranks
from nntrain.training.durable import write_files
from nntrain.training.shard_files import Finish, Others, shard_pieces
from nntrain.training.sharding import pieces
from nntrain.training.state import copied, optimizer_state
from nntrain.training.tuning import tune

if TYPE_CHECKING:
    from nntrain.insight.probe import Probe


LOOK: Final = "look"
"""What the first process says where all look at the network."""


@dataclass(frozen=True, slots=True)
class Leader:
    """Says to the other processes what the first one does after a step: these wait in `Pieces.obey`."""

    ranks: Ranks

    def order(self, word: str, **more: Any) -> None:
        """`parts`: take what is to be saved; `hold`: keep a copy of it; `write`; `look`; `done`: go on with the next step."""
        self.ranks.tell(lambda: {"do": word, **more})

    def writing(self, *, is_held: bool) -> Others:
        """Lets them write into the folder of a checkpoint, which the first process makes."""

        def begin(folder: Path) -> Finish:
            self.order("write", folder=folder.absolute().as_posix(), is_held=is_held)
            return _Written(self.ranks)

        return begin


class _Written:
    def __init__(self, ranks: Ranks) -> None:
        self._ranks, self.size = ranks, ranks.size

    def __call__(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for entries, _ in self._ranks.gather({}, []):
            found |= entries
        return found


@dataclass(slots=True)
class Pieces:
    """What another process than the first has to save."""

    ranks: Ranks
    assembly: Assembly
    probe: Probe | None
    """What looks at the network."""
    _latest: Mapping[str, Any] = field(default_factory=dict[str, Any])
    _held: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def obey(self) -> None:
        """Do what the first process says, until it goes on with the next step. Raises `OSError` where the disk is full."""
        while (told := self.ranks.tell(lambda: None))["do"] != "done":
            if told["do"] == "parts":
                session = self.assembly.session
                tune(session)  # all take part in a forward pass
                self._latest = pieces({"weights": session.network.state_dict(), "optimizer": optimizer_state(session.optimizer)})
            elif told["do"] == LOOK:
                assert self.probe is not None
                self.probe.look()
            elif told["do"] == "hold":
                self._held = copied(self._latest)
            else:
                parts = self._held if told["is_held"] else self._latest
                entries = write_files(Path(told["folder"]), shard_pieces(parts, self.ranks.rank, self.ranks.size))
                self.ranks.gather(entries, [])
