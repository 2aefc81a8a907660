"""Embeddings in which rows of one class lie near each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, cast

from pydantic import Field, PositiveInt

from nntrain.errors import Problem
from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import SEQUENCE, VECTOR, Free, Spec
from nntrain.tasks.task import Decoded, Target, Task

if TYPE_CHECKING:
    from torch import Tensor


SAME_ROW: Final = "same_row"
"""The target where each row is a class of its own."""


class MetricLearning(Task):
    """Embeddings [B, F] of rows, near each other where these belong together, else apart: faces, signatures, questions and answers.

    What belongs together says a category target; or each row itself, without labels: two or three things that it holds (`pairs`), or what
    random changes make of it (`views`). Predicted is the embedding, of pairs how alike the two are. It is judged by neighbours: of each row
    of a split the nearest other rows of that split. No class has an output of its own, so that classes which training never showed are told
    apart too (`split: {by: group, column: CLASS}`).
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"category", "row"})
    takes_strangers: ClassVar[bool] = True
    references: ClassVar[tuple[str, ...]] = ("nearest_inputs",)

    type: Literal["metric"] = "metric"
    dim: PositiveInt | None = None
    """Numbers of an embedding, F. Default: those of the linear layer that the network ends in, or 64 of one that is added; of `pairs` what
    the nodes give."""
    pairs: Annotated[tuple[str, ...], Field(min_length=2, max_length=3)] | None = None
    """Two nodes that give a row of numbers [F] each, of what belongs together: `[question, answer]`, `[photo_a, photo_b]`. The second
    things of other rows are those that do not (in training those of the batch). A third node gives one that does not belong to the first:
    `[anchor, positive, negative]`. One set of weights for several nodes: `same_as`. Of a category target rows of one class are not
    held against each other. Default: a row has one embedding."""
    views: Annotated[int, Field(ge=2)] | None = None
    """How often a batch has each row, every time changed at random by the `augment` of its fields: the views of a row belong together
    (SimCLR: Chen et al. 2020). `data.batch_size` counts rows, not views. Without a target only they do. Splits are measured by views too,
    always the same; `predict` reads rows as they are. Default: a row comes once."""
    embedding: str | None = None
    """The point whose numbers [F] are the embedding that is judged and predicted, where that is not the output that losses read: a node, or
    a layer with a name, before the last ones (the projection head of SimCLR). Of `pairs` one of the nodes: `predict` gives its
    embedding in place of how alike they are. Default: the output."""

    @property
    def own_target(self) -> str | None:
        return None if self.pairs is None and self.views is None else SAME_ROW

    @property
    def times_shown(self) -> int:
        return self.views or 1

    def joined(self, target: Target) -> tuple[str, ...]:
        return self.pairs or ()

    def point(self, target: Target) -> str | None:
        return self.embedding if self.pairs is None else None

    def kind(self, target: Target) -> TargetKind:
        if self.pairs is None:
            return "neighbors"
        return "pairs" if len(self.pairs) == 2 else "triplets"

    def needs(self, target: Target, link: Link) -> Spec:
        numbers = Free("numbers of the embedding") if self.dim is None else self.dim
        return Spec(VECTOR, (numbers,)) if self.pairs is None else Spec(SEQUENCE, (len(self.pairs), numbers))

    def losses(self, target: Target) -> tuple[str, ...]:
        tags = ("triplet", "nt_xent", "contrastive")
        knows_classes = self.pairs is None and self.views is None
        return tags if knows_classes or self.kind(target) == "triplets" else (tags[1], tags[0], tags[2])

    def metrics(self, target: Target) -> tuple[str, ...]:
        joint = {"pairs": ("recall_at", "mrr"), "triplets": ("triplet_accuracy", "recall_at", "mrr")}
        one_partner = ("recall_at", "mrr", "pair_auroc") if target.field_type == "row" else ("recall_at", "map_at_r", "pair_auroc", "mrr")
        return joint.get(self.kind(target), one_partner)

    def reading_problems(self, target: Target, *, has_validation: bool) -> Iterator[Problem]:
        """Pairs that are none, views of what has none, an embedding that is none of the pair."""
        pairs = self.pairs or ()
        if len(set(pairs)) < len(pairs):
            yield Problem(("pairs",), "compares a node with itself", "fix:  one node for each thing, with  same_as  for shared weights")
        if pairs and self.views is not None:
            yield Problem(("views",), "has no effect beside pairs: these say what belongs together", "remove one of the two", on_key=True)
        if pairs and self.embedding is not None and self.embedding not in pairs:
            yield Problem(("embedding",), f"{self.embedding} is none of the pairs", f"one of: {', '.join(pairs)}")
        if not pairs and self.views is None and target.field_type == "row":
            message = "has nothing that belongs together: each row is a class of its own"
            yield Problem((), message, "fix:  pairs: [NODE, NODE], or views: 2, or a category as target")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        """The embeddings, `[B, F]`, of length 1 where the loss takes them so; of pairs `[B, 2, F]`, of three things `[B, 3, F]`."""
        return link.point(output.float())

    def of_mean(self, mean: Tensor, link: Link) -> Tensor:
        """Of the length that embeddings have."""
        return link.point(mean)

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        """The numbers of each embedding; of pairs the cosine of the two, of three things that of the first and the second."""
        if self.pairs is None:
            return Decoded(tuple(cast("list[list[float]]", prediction.tolist())))
        if self.embedding is not None:
            return Decoded(tuple(cast("list[list[float]]", prediction[:, self.pairs.index(self.embedding)].tolist())))
        from torch.nn.functional import cosine_similarity

        return Decoded(tuple(cast("list[float]", cosine_similarity(prediction[:, 0], prediction[:, 1], dim=1).tolist())))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """One point for all rows, whose neighbours are then any others."""
        import torch

        return torch.zeros((1, 1) if self.pairs is None else (1, len(self.pairs), 1), dtype=torch.float64)

    def baseline_name(self) -> str:
        return "any neighbours"
