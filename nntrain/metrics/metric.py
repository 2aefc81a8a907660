"""The base of all metrics: what is reported. In raw units and over the whole split, never a mean of batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Protocol, runtime_checkable

from pydantic import Field

from nntrain.losses.loss import TargetKind
from nntrain.schema import Component

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Direction = Literal["min", "max"]

Table = list[list[int]] | dict[str, dict[str, float | None]]
"""Rows counted by two classes; or numbers by class and by what they are of it."""

MetricValue = float | Table | None
"""A number; a table; or `None` where the metric is undefined on these rows."""

CLASSES: Final[frozenset[TargetKind]] = frozenset({"classes", "binary", "ordinal"})
LABELS: Final[frozenset[TargetKind]] = frozenset({"classes", "binary", "ordinal", "labels"})
VALUES: Final[frozenset[TargetKind]] = frozenset({"values"})


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a metric must know of its target."""

    kind: TargetKind
    num_classes: int = 0
    """K; 2 for a binary target, 0 for values or where it is not known yet."""
    classes: tuple[str, ...] = ()
    """Names of the classes; empty where there are none or they are not known yet."""
    threshold: float | None = None
    """Probability above which the task takes the second of two classes, or a label; `None`: the likelier, 0.5."""
    unit_axis: Literal["time", "node", "pair", "pixel"] | None = None
    """What of a row is judged by itself: its steps, nodes, pairs or pixels; `None` where a row is one whole."""
    scale: tuple[float, ...] = ()
    """Of values, what they are divided by for training: one number, or one for each place of the last axis. Empty: as they are."""
    naive: tuple[float, ...] = ()
    """Of a forecast, the mean error of the training rows a season before: one number, or one for each place of the last axis."""
    forecasts: bool = False
    """Whether the values are forecasts."""
    to_text: Callable[[Sequence[int]], str] | None = None
    """The text of some tokens of a sequence; `None` for all else."""


class MetricState(Protocol):
    """Adds up over the batches of a split, on the device of the predictions; reading it is the only synchronisation."""

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows.

        Args:
            prediction: Probabilities `[B, K]` of classes or labels, or `[B]` of the second of two; values in raw units otherwise.
            target: Class indices or 0 and 1, `[B]`; 0 or 1 for each label, `[B, K]`; values in raw units, `[B]` or `[B, F]`.
            weights: How much each row counts, `[B]`; `[R, B]` for R weightings at once; `None` where all count once.
        """
        ...

    def compute(self) -> MetricValue:
        """The value over all rows so far; never NaN. Of several weightings that of the first."""
        ...


@runtime_checkable
class Pooling(Protocol):
    """A state that can be put together with others of the same metric, which have seen other rows of the split."""

    def held(self) -> list[Tensor | None]:
        """What was added up so far, as many tensors whatever that is; `None` in the place of those that no row has come to."""
        ...

    def join(self, held: Sequence[list[Tensor | None]]) -> None:
        """Hold what several states do, in the order of their rows, in place of its own."""
        ...


class Metric(Component):
    """One number (or table) about predictions. Named in reports by its type, then what was chosen: `precision.fraud_at_0.9`."""

    kinds: ClassVar[frozenset[str]] = frozenset({"metric"})
    direction: ClassVar[Direction] = "max"
    """Which way is better."""
    fits: ClassVar[frozenset[TargetKind]]
    """Targets that it can judge."""
    is_table: ClassVar[bool] = False
    """Whether it is no number."""
    monitored: ClassVar[bool] = True
    """Whether more or less of it is better, so that it can decide which state is the best, and stop a run."""
    decides: ClassVar[bool] = False
    """Whether it depends on the probability above which a class is taken."""
    by_row: ClassVar[bool] = False
    """Whether it is told of the steps of a row together, predictions `[B, T, K]` and targets `[B, T]` with -1 where nothing counts, in
    place of one step after another."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Its name in reports, for `monitor`, `--min` and `--max`. Default: the type, its main option (`top_k_accuracy_5`), a class
    (`precision.fraud`) and every other option that is not the default (`f1_micro`, `recall_at_0.9`)."""

    @property
    def label(self) -> str:
        """Its name in reports, without the split."""
        return self.name or self.type + self.suffix()

    def suffix(self) -> str:
        """What the options add to the name."""
        parts: list[str] = []
        for option, field in type(self).model_fields.items():
            value: Any = getattr(self, option)
            if option in {"type", "name"} or value is None or (value == field.default and option != self.main):
                continue
            parts.append(_suffix(option, value))
        return "".join(parts)

    def check(self, info: MetricInfo) -> None:
        """Refuse a target of a fitting kind that the options don't fit. Raises `SpecError`."""

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        """Make an empty state for one split."""
        raise NotImplementedError


def _suffix(option: str, value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if option == "class_":
        return f".{text}"
    return f"_at_{text}" if option == "threshold" else f"_{text}"
