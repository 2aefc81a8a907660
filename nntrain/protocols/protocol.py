"""Protocol settings: options in the config, and `build()`, which makes the object that the loop asks. Torch-free."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.schema import Component

if TYPE_CHECKING:
    from nntrain.training.session import TrainingProtocol


class Protocol(Component):
    """In which order batches come, and what one step is."""

    kinds: ClassVar[frozenset[str]] = frozenset({"protocol"})

    def build(self) -> TrainingProtocol:
        """Make the object that the loop asks."""
        raise NotImplementedError


class Supervised(Protocol):
    """Rows in a seeded order, anew each epoch; a step minimises the loss of its rows."""

    type: Literal["supervised"] = "supervised"

    def build(self) -> TrainingProtocol:
        from nntrain.protocols.supervised import SupervisedProtocol

        return SupervisedProtocol()
