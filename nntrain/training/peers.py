"""A process that waits for another which is gone."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import torch.distributed as c10d

from nntrain.errors import NNTrainError
from nntrain.training.place import LOST

_LOST: Final = ("Connection closed", "Connection reset", "Broken pipe", "Read error", "Write error", "connectFullMesh", "NCCL", "Timed out")


class PeerLostError(NNTrainError):
    """Another process is gone, and has said why by itself."""

    exit_code = LOST

    @classmethod
    def told(cls) -> PeerLostError:
        """The error, with what it says."""
        return cls("another process of this run has ended; its own message says why")


@contextmanager
def told_as_lost() -> Generator[None]:
    """Context of a message to the others: one that does not come because a process is gone is told so.

    Raises:
        PeerLostError: Another process is gone.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_lost(error):
            raise
        raise PeerLostError.told() from None


def is_lost(error: BaseException) -> bool:
    """Whether an error of torch says that another process is gone."""
    return isinstance(error, c10d.DistError) or any(word in str(error) for word in _LOST)
