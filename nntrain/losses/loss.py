"""The base of all losses. A loss gives `(sum, weight)`, never a mean: sums over micro-batches and processes add up exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, Self, cast

from pydantic import Field

from nntrain.losses.links import Identity, Link
from nntrain.schema import Component
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.modules.losses import Score

TargetKind = Literal["classes", "binary", "labels", "ordinal", "values", "sequence", "neighbors", "pairs", "triplets", "origin"]
"""How the numbers of a target read: class indices int64 `[B]`; 0 or 1, `[B]`; any of K labels, 0 or 1 `[B, K]`; classes in order,
int64 `[B]`; values with a unit; a sequence of tokens, int64 `[B, L]` with -1 behind its end; or class indices int64 `[B]` of rows that are
to lie near those of their class, the output an embedding `[B, F]`, or two or three of them `[B, 2, F]`, `[B, 3, F]`, of which the second
belongs to the first and the third does not; or whether rows are real (1) or generated (0), `[B]`. Losses and
metrics say which they fit."""

PositiveNumber = Annotated[float, Field(gt=0)]


class LastLayer(NamedTuple):
    """A layer that the network must end in."""

    layer: str
    """Its type."""
    written: str
    """How a network ends in it, for messages: `cosine_linear: =out`; TARGET stands for the name of the target."""


class Part(NamedTuple):
    """A loss over some rows: `sum / weight` is the weighted mean."""

    sum: Tensor
    """Differentiable scalar."""
    weight: Tensor
    """Scalar: number of rows, or the sum of their weights."""
    factor: float = 1.0
    """How much the mean counts where several parts are added up."""


@dataclass(frozen=True, slots=True)
class LossFunction:
    """A loss ready to be used: scores rows and adds them up."""

    total: Callable[[Tensor, Tensor], Tensor]
    """`(output [B, …], target [B, …])` to the sum over all rows; one kernel where torch has one."""
    per_row: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    """The same by row, `[B]`; the third says how much each value of the target counts, `None`: once."""
    class_weights: Tensor | None = None
    """How much a row of each class counts, `[K]`; `None` where all count once."""
    by_value: bool = False
    """Whether each pixel of a map of classes, int64 `[B, H, W]`, counts by itself."""
    by_row: bool = False
    """Whether such a map is scored as a whole. In both, pixels of -1 count nothing."""
    is_exact_by_row: bool = False
    """Whether the score of a row and its slope have the same bits wherever the row lies: all exponentials are those of a softmax."""

    def __call__(self, output: Tensor, target: Tensor, row_weights: Tensor | None = None, lengths: Tensor | None = None) -> Part:
        """Score a batch.

        Args:
            output: What the network gives, `[B, …]`; half precision is scored in float32.
            target: `[B, …]` as the loss says.
            row_weights: `[B]`, or `None` where every row counts once.
            lengths: Steps of each row of the output, int64 `[B]`, for losses of sequences; `None` where all rows have all.
        """
        output = output if output.itemsize >= 4 else output.float()
        is_map = self._is_map(target)
        if row_weights is None and self.class_weights is None and not is_map:
            return Part(self.total(output, target), self.weight(target))
        by_value = self._by_value(target) if is_map else self._by_class(target)
        scores = self.per_row(output, target.clamp(min=0) if is_map and self.by_value else target, by_value)
        return Part((scores if row_weights is None else scores * row_weights).sum(), self.weight(target, row_weights))

    def weight(self, target: Tensor, row_weights: Tensor | None = None) -> Tensor:
        """The weight of a batch, known before any forward pass; above 0, so that a batch of rows that don't count has the loss 0."""
        import torch

        by_class = self._by_class(target) if not self._is_map(target) else self._by_map(target)
        if by_class is not None:
            row_weights = by_class if row_weights is None else row_weights * by_class
        if row_weights is not None:
            return row_weights.sum().clamp(min=torch.finfo(torch.float32).tiny)
        return target.new_full((), len(target), dtype=torch.float32)

    def _is_map(self, target: Tensor) -> bool:
        return (self.by_value or self.by_row) and target.ndim > 1 and not target.is_floating_point()

    def _by_value(self, target: Tensor) -> Tensor | None:
        """How much each pixel of a map counts, `[B, H, W]`; `None` where its rows are scored as wholes."""
        if self.by_row:
            return None
        counts = (target >= 0).float()
        by_class = self._by_class(target.clamp(min=0))
        return counts if by_class is None else counts * by_class

    def _by_map(self, target: Tensor) -> Tensor:
        """How much each map counts, `[B]`: by its pixels, or once where it has one that counts."""
        by_value = self._by_value(target)
        return (target >= 0).flatten(1).any(dim=1).float() if by_value is None else by_value.flatten(1).mean(dim=1)

    def _by_class(self, target: Tensor) -> Tensor | None:
        return None if self.class_weights is None else self.class_weights.to(target.device)[target.long()]


class Loss(Component):
    """What is minimised."""

    kinds: ClassVar[frozenset[str]] = frozenset({"loss"})
    targets: ClassVar[frozenset[TargetKind]]
    """Targets that it can score."""
    input_kinds: ClassVar[frozenset[Kind]]
    """What the network's output may mean; anything else would be misread."""
    smooths_labels: ClassVar[bool] = False
    """Whether `regularization.label_smoothing` acts on it."""
    is_entropy: ClassVar[bool] = False
    """Whether it is the log loss of chances: where nothing but the shares of the classes is known, it is their entropy."""
    gives_chances: ClassVar[bool] = False
    """Whether the sigmoid of its scores is the chance that a row is real, so that a generator is to be taken for real by it (`gan`)."""
    scalings: ClassVar[frozenset[str] | None] = None
    """`normalize` of the target that leaves values which it can score; `None`: any."""
    shared: ClassVar[frozenset[str]] = frozenset({"weight"})

    weight: PositiveNumber = 1.0
    """How much it counts where several losses are added up."""
    reduction: Literal["mean", "sum"] = "mean"
    """How the values of a row (of a vector, an image, several labels) become one number; rows are averaged."""
    parts: dict[str, Annotated[float, Field(ge=0)]] | None = None
    """How much the parts count that layers add to the loss, by `<layer>.<part>`; they may stand beside the other options:
    `{type: cross_entropy, mixture_of_experts_1.balance: 0.1}`. Default: as each layer says."""

    @property
    def weighs_classes(self) -> bool:
        """Whether rows count by their class."""
        return False

    @classmethod
    def parse(cls, tree: object) -> Self:
        """Read options; those with a dot in their name are weights of parts."""
        if not isinstance(tree, dict):
            return super().parse(tree)
        written = cast("dict[str, Any]", tree)
        dotted = {key: option for key, option in written.items() if "." in key}
        options = {key: option for key, option in written.items() if key not in dotted}
        if dotted and isinstance(options.get("parts") or {}, dict):
            options["parts"] = {**cast("dict[str, Any]", options.get("parts") or {}), **dotted}
        return super().parse(options)

    def link(self, kind: TargetKind) -> Link:
        """How the network's output reads."""
        return Identity()

    def compares_rows(self, kind: TargetKind) -> bool:
        """Whether a row is scored by the others of its batch, so that smaller batches add up to another loss than a large one."""
        return False

    def last_layer(self, kind: TargetKind) -> LastLayer | None:
        """The layer that the network must end in, as its output reads in no other way; `None`: any."""
        return None

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """Options without effect on a kind of target, and why."""
        if kind == "origin" and self.reduction == "sum":
            yield "reduction", "a row has one score"

    def fault(self, target: Tensor, kind: TargetKind) -> str | None:
        """What values of a target `[N, …]` must be and are not: `counts of 0 and more`; `None` if all can be scored."""
        return None

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        """Make the function.

        Args:
            label_smoothing: 0 for a loss that does not smooth labels.
            class_weights: How much a row of each class counts, `[K]`, for a loss that weighs classes; `None`: once.
        """
        raise NotImplementedError

    def build_for(self, kind: TargetKind, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        """Make the function for a kind of target, for losses that score it in a way of its own; other arguments as of `build`."""
        return self.build(label_smoothing=label_smoothing, class_weights=class_weights)

    def of_rows(self, score: Score, *, reshapes: bool = False, by_row: bool = False, class_weights: Tensor | None = None) -> LossFunction:
        """The function that scores rows by a score of values; arguments as of `modules.losses.row_loss`."""
        from nntrain.modules.losses import row_loss

        total, per_row = row_loss(score, reshapes=reshapes, by_row=by_row, sums=self.reduction == "sum")
        return LossFunction(total, per_row, class_weights, by_value=not by_row, by_row=by_row)


class ClassLoss(Loss):
    """A loss of classes, whose rows may count by their class."""

    class_weights: Literal["balanced"] | dict[str, PositiveNumber] | None = None
    """How much a row counts by its class, beside its own weight. `balanced`: N / (K n) for a class with n of N training rows, so that
    all K classes count alike. A mapping names classes: `{fraud: 10}`; the others count once."""

    @property
    def weighs_classes(self) -> bool:
        return self.class_weights is not None

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`class_weights` of labels, each of which has two classes."""
        if kind in {"labels", "values"} and self.class_weights is not None:
            yield "class_weights", "labels are no classes, of which a row has one"
        if kind == "origin" and self.class_weights is not None:
            yield "class_weights", "rows are real or generated, of both there are as many"
        yield from super().idle(kind)
