"""Losses of how rows lie to each other in a space of embeddings: near those of their class, away from the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.links import Identity, Link, Nearness, UnitVector
from nntrain.losses.loss import LastLayer, Loss, LossFunction, Part, PositiveNumber, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from nntrain.modules.embedding_losses import Pairs

_OUTPUTS: frozenset[Kind] = frozenset({"float", "logits"})


@dataclass(frozen=True, slots=True)
class _OverBatch(LossFunction):
    """Scores each row by all rows of the batch; those of weight 0 are as if they were not there.

    A row counts that has one of another class in the batch, and another one of its class, or that within itself (`has_own`).
    """

    has_own: bool = False

    def __call__(self, output: Tensor, target: Tensor, row_weights: Tensor | None = None, lengths: Tensor | None = None) -> Part:
        """Score a batch; arguments as of `LossFunction`."""
        scores = self.per_row(output if output.itemsize >= 4 else output.float(), target, row_weights)
        return Part((scores if row_weights is None else scores * row_weights).sum(), self.weight(target, row_weights))

    def weight(self, target: Tensor, row_weights: Tensor | None = None) -> Tensor:
        """The weight of the rows that count, known before any forward pass; never 0."""
        import torch

        counts = (_others(target, row_weights).any(dim=1) if self.has_own else _pairs(target, row_weights).scored).float()
        return (counts if row_weights is None else counts * row_weights).sum().clamp(min=torch.finfo(torch.float32).tiny)


@dataclass(frozen=True, slots=True)
class _ByTarget(LossFunction):
    """Scores rows of yes and no one by one, and those of classes by all rows of the batch."""

    of_classes: LossFunction | None = None

    def __call__(self, output: Tensor, target: Tensor, row_weights: Tensor | None = None, lengths: Tensor | None = None) -> Part:
        """Score a batch; arguments as of `LossFunction`."""
        if self.of_classes is None or target.is_floating_point():
            return LossFunction.__call__(self, output, target, row_weights, lengths)
        return self.of_classes(output, target, row_weights, lengths)

    def weight(self, target: Tensor, row_weights: Tensor | None = None) -> Tensor:
        """The weight of a batch, known before any forward pass; never 0."""
        if self.of_classes is None or target.is_floating_point():
            return LossFunction.weight(self, target, row_weights)
        return self.of_classes.weight(target, row_weights)


def _pairs(target: Tensor, row_weights: Tensor | None) -> Pairs:
    from nntrain.modules.embedding_losses import pairs_of

    return pairs_of(target, None if row_weights is None else row_weights > 0)


def _others(target: Tensor, row_weights: Tensor | None) -> Tensor:
    from nntrain.modules.pair_losses import others_of

    return others_of(target, None if row_weights is None else row_weights > 0)


def _within_rows(by_row: Callable[[Tensor, Tensor], Tensor]) -> LossFunction:
    """Of rows that hold what belongs together."""

    def per_row(output: Tensor, target: Tensor, row_weights: Tensor | None) -> Tensor:
        return by_row(output, _others(target, row_weights))

    return _OverBatch(lambda output, target: per_row(output, target, None).sum(), per_row, has_own=True)


def _over_batch(by_row: Callable[[Tensor, Pairs], Tensor]) -> LossFunction:
    def per_row(output: Tensor, target: Tensor, row_weights: Tensor | None) -> Tensor:
        return by_row(output, _pairs(target, row_weights))

    return _OverBatch(lambda output, target: per_row(output, target, None).sum(), per_row)


class OverBatch(Loss):
    """What losses have in common that score a row by the others of its batch."""

    input_kinds: ClassVar[frozenset[Kind]] = _OUTPUTS
    targets: ClassVar[frozenset[TargetKind]] = frozenset({"neighbors", "pairs", "triplets"})

    def compares_rows(self, kind: TargetKind) -> bool:
        return True

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`reduction`: a row has one score."""
        if self.reduction == "sum":
            yield "reduction", f"{self.type} scores a row as a whole"
        yield from super().idle(kind)


class Triplet(OverBatch):
    """Rows of another class are to lie farther from a row than those of its own by a margin.

    max(0, d(a, p) - d(a, n) + margin) of a row a, another one p of its class and one n of another class, with euclidean distances d of the
    embeddings [B, F]: equation 2 of Schroff et al. 2015, their equation with distances in place of squares. Which p and n are compared is
    found within the batch: `data.batch.sampler: {type: pk, …}` brings several rows of each class into it. Of pairs [B, 2, F] p is the
    second thing of the row, and n those of other rows; of three things [B, 3, F] a row has both.
    """

    type: Literal["triplet"] = "triplet"
    margin: PositiveNumber = 0.2
    """How much farther they are to lie. Embeddings of length 1 lie 2 apart at most."""
    mining: Literal["semi_hard", "hard"] = "semi_hard"
    """`semi_hard`: each p with the nearest n that lies farther than it, or with the farthest n where none does; the mean over all p
    (Schroff et al. 2015, section 3.2). `hard`: the farthest p with the nearest n (Hermans et al. 2017, equation 5), which may collapse to
    one point at the beginning."""
    normalize: bool = True
    """Whether embeddings are divided by their length before they are compared."""

    def link(self, kind: TargetKind) -> Link:
        return UnitVector() if self.normalize else Identity()

    def compares_rows(self, kind: TargetKind) -> bool:
        return kind != "triplets"

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`mining`, where each row says which n it has."""
        if kind == "triplets" and self.mining != "semi_hard":
            yield "mining", "each row has a third thing that does not belong to it"
        yield from super().idle(kind)

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.embedding_losses import triplet

        return _over_batch(partial(triplet, margin=self.margin, mining=self.mining, normalize=self.normalize))

    def build_for(self, kind: TargetKind, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules import pair_losses
        from nntrain.modules.losses import scored

        if kind == "pairs":
            return _within_rows(partial(pair_losses.triplet, margin=self.margin, mining=self.mining, normalize=self.normalize))
        if kind == "triplets":
            return self.of_rows(scored(partial(pair_losses.triplet_of_three, margin=self.margin, normalize=self.normalize)), by_row=True)
        return self.build()


class NTXent(OverBatch):
    """Cross-entropy of which of the other rows of the batch is of one's class, by the cosine of the embeddings [B, F].

    Of two rows a class it is the loss of SimCLR (Chen et al. 2020, equation 1); of several the mean over them (Khosla et al. 2020,
    equation 2). Of pairs [B, 2, F] it is that of CLIP (Radford et al. 2021, figure 3): the mean of which second thing of the batch is that
    of the first one, and which first one is that of the second. The third things of rows that have three are candidates too.
    """

    main: ClassVar[str | None] = "temperature"

    type: Literal["nt_xent"] = "nt_xent"
    temperature: PositiveNumber = 0.1
    """What cosines are divided by: a smaller one looks at the nearest rows alone."""

    def link(self, kind: TargetKind) -> Link:
        return UnitVector()

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.embedding_losses import nt_xent

        return _over_batch(partial(nt_xent, temperature=self.temperature))

    def build_for(self, kind: TargetKind, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules import pair_losses

        return self.build() if kind == "neighbors" else _within_rows(partial(pair_losses.nt_xent, temperature=self.temperature))


class Contrastive(OverBatch):
    """Two rows of one class are drawn together, two of different classes pushed apart up to a margin (Hadsell et al. 2006, equation 4).

    Of embeddings [B, F] all pairs of the batch: of each row the mean of d^2 over its class, and that of max(0, margin - d)^2 over the
    others. Of a boolean target the network itself compares the two things that a row holds: it ends in `distance`, [B, 1], and a row costs
    d^2 for yes and max(0, margin - d)^2 for no. A distance below half of the margin is read as yes. Of pairs [B, 2, F] the second thing of
    a row is drawn to the first, and those of other rows are pushed away; of three things [B, 3, F] the third is.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"neighbors", "pairs", "triplets", "binary"})

    type: Literal["contrastive"] = "contrastive"
    margin: PositiveNumber = 1.0
    """Distance from which on two that are different cost nothing."""
    normalize: bool = True
    """Whether embeddings are divided by their length before they are compared. Without effect on a boolean target."""

    def link(self, kind: TargetKind) -> Link:
        if kind == "binary":
            return Nearness(self.margin)
        return UnitVector() if self.normalize else Identity()

    def compares_rows(self, kind: TargetKind) -> bool:
        return kind not in {"binary", "triplets"}

    def last_layer(self, kind: TargetKind) -> LastLayer | None:
        if kind != "binary":
            return None
        return LastLayer("distance", "distance  of two nodes, and  heads: {TARGET: {from: NODE, layers: []}}")

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`normalize`, where the network compares."""
        if kind == "binary" and not self.normalize:
            yield "normalize", "the network compares two things by itself"
        yield from super().idle(kind)

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.embedding_losses import by_distance, contrastive
        from nntrain.modules.losses import scored

        one_by_one = self.of_rows(scored(partial(by_distance, margin=self.margin)))
        of_classes = _over_batch(partial(contrastive, margin=self.margin, normalize=self.normalize))
        return _ByTarget(one_by_one.total, one_by_one.per_row, of_classes=of_classes)

    def build_for(self, kind: TargetKind, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules import pair_losses
        from nntrain.modules.losses import scored

        if kind == "pairs":
            return _within_rows(partial(pair_losses.contrastive, margin=self.margin, normalize=self.normalize))
        if kind == "triplets":
            return self.of_rows(
                scored(partial(pair_losses.contrastive_of_three, margin=self.margin, normalize=self.normalize)), by_row=True
            )
        return self.build()
