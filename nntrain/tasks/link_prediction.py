"""Whether there is an edge between two nodes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import PAIRS, RAGGED, Spec
from nntrain.tasks.classification import decode_classes
from nntrain.tasks.task import Decoded, Target, Task, UnitAxis, weighted_mean

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.tasks.drawings import Answers, Drawing


class LinkPrediction(Task):
    """Whether there is an edge between the two nodes of a pair, of the edges of a graph: `data.source: {type: graph, …, target: edges}`.

    Pairs are scored one by one, edges and as many others; `nntrain predict RUN pairs.csv` gives those of a table its scores.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"link"})
    wanted: ClassVar[str | None] = "data.source: {type: graph, nodes: nodes.csv, edges: edges.csv, target: edges}"
    references: ClassVar[tuple[str, ...]] = ("common_neighbors", "degree_product")

    type: Literal["link_prediction"] = "link_prediction"

    def kind(self, target: Target) -> TargetKind:
        return "binary"

    def unit_axis(self, target: Target) -> UnitAxis | None:
        return "pair"

    def needs(self, target: Target, link: Link) -> Spec:
        """The log odds of an edge, `[P, 1]`."""
        return Spec(PAIRS, (RAGGED, 1), "logits")

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("bce", "focal", "hinge")

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("auroc", "average_precision", "hits_at", "accuracy")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        """The probability of an edge, `[P]`."""
        return link.point(output.float().reshape(len(output)))

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        return decode_classes(prediction, target, threshold)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The share of edges among the training pairs."""
        return weighted_mean(encoded, weights)

    def baseline_name(self) -> str:
        return "all pairs alike"

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.class_drawings import class_drawings

        return class_drawings(answers)
