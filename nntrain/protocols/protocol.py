"""Protocol settings: options in the config, and `build()`, which makes the object that the loop asks. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.data.sources.source import Source
from nntrain.errors import Problem, YamlPath
from nntrain.losses.links import Link
from nntrain.metrics.metric import Direction
from nntrain.schema import Component, StrictModel
from nntrain.tasks.task import Task

if TYPE_CHECKING:
    from nntrain.training.session import Origin, TrainingProtocol


class Protocol(Component):
    """In which order batches come, and what one step is."""

    kinds: ClassVar[frozenset[str]] = frozenset({"protocol"})
    deaf: ClassVar[Mapping[YamlPath, str]] = {}
    """Settings that this protocol does not read, and why."""
    shares_rows: ClassVar[bool] = False
    """Whether several processes can share out the rows of its steps."""
    resizes: ClassVar[bool] = False
    """Whether it shows images smaller at first, where they are to grow."""
    has_rivals: ClassVar[bool] = False
    """Whether networks learn against each other in it, of which no loss tells how good they are; what it builds is a `RivalsProtocol`."""

    @property
    def metrics(self) -> Mapping[str, Direction] | None:
        """What it reports of each split in place of the tasks' losses and metrics (`None`), and which direction is better.

        Names are without the split; the first decides which state is the best. Every report has them: what is measured once, at the
        end, is none of them, as it can't be watched.
        """
        return None

    @property
    def baseline_name(self) -> str | None:
        """What its metrics are compared with, for tables; `None`: the trivial prediction of the tasks."""
        return None

    @property
    def epoch(self) -> int | None:
        """Steps of an epoch, where they do not depend on the number of training rows."""
        return None

    def problems(self, source: Source, tasks: Mapping[str, Task], links: Mapping[str, Link], *, has_length: bool) -> Iterator[Problem]:
        """Why it can't train on a source, or learn tasks.

        Args:
            source: Where the records come from.
            tasks: By target.
            links: How the losses of each target read the network's output.
            has_length: Whether the number of steps is known before the run.
        """
        for task in tasks.values():
            if not task.supervised:
                yield Problem(("training", "protocol"), f"{task.type} {task.why_not_by_rows}", f"fix:  training.protocol: {task.protocol}")

    def idle(self, settings: StrictModel) -> Iterator[Problem]:
        """Settings of a config that it does not read."""
        for path, why in self.deaf.items():
            if _is_written(settings, path):
                yield Problem(path, f"has no effect: {self.type} {why}", "remove it", on_key=True)

    def build(self, origin: Origin) -> TrainingProtocol:
        """Make the object that the loop asks."""
        raise NotImplementedError


class Supervised(Protocol):
    """Rows in a seeded order, anew each epoch; a step minimises the loss of its rows."""

    shares_rows: ClassVar[bool] = True
    resizes: ClassVar[bool] = True

    type: Literal["supervised"] = "supervised"

    def build(self, origin: Origin) -> TrainingProtocol:
        from nntrain.protocols.supervised import SupervisedProtocol

        return SupervisedProtocol()


def _is_written(settings: StrictModel, path: YamlPath) -> bool:
    """Whether a setting is on: neither off nor left out."""
    value: object = settings
    for key in path:
        if value is None:
            return False
        value = getattr(value, str(key))
    return value not in (None, (), {})
