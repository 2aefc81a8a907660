"""Which class each token of a text is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.metrics.entities import are_entity_tags
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.classification import class_shares, decode_classes
from nntrain.tasks.task import Decoded, Target, Task, UnitAxis, by_unit

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.tasks.drawings import Answers, Drawing


class Tagging(Task):
    """One of K tags for each token of a text (a target of tags): words by their kind, or the entities in a text, tagged `B-…`, `I-…`, `O`.

    Each token counts once, in the loss and in `accuracy`; entities count as wholes in `entity_f1`.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"tags"})
    references: ClassVar[tuple[str, ...]] = ("token_tags",)

    type: Literal["tagging"] = "tagging"

    def kind(self, target: Target) -> TargetKind:
        return "classes"

    def unit_axis(self, target: Target) -> UnitAxis | None:
        return "time"

    def needs(self, target: Target, link: Link) -> Spec:
        assert target.spec.classes is not None
        return by_unit(target, Spec(VECTOR, (link.outputs(target.spec.classes),), "logits"))

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("cross_entropy", "focal", "hinge", "perceptron")

    def metrics(self, target: Target) -> tuple[str, ...]:
        """Those of entities where the tags are such, or not known yet."""
        entities = ("entity_f1", "entity_precision", "entity_recall")
        return (*(entities if not target.classes or are_entity_tags(target.classes) else ()), "accuracy", "f1")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        return link.point(output.float())

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        return decode_classes(prediction, target)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The shares of the tags among the training tokens: its likeliest one is the commonest tag."""
        return class_shares(encoded, target, weights)

    def baseline_name(self) -> str:
        return "always the commonest"

    def in_words(self, answers: Answers) -> str | None:
        from nntrain.tasks.class_drawings import share_right

        return f"is right about {100 * share_right(answers):.1f} % of the tokens"

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.class_drawings import confusion

        yield confusion(answers)
