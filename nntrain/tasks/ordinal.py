"""Which of some classes in order a row belongs to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.classification import class_shares, decode_classes
from nntrain.tasks.task import Decoded, Target, Task

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.fields.field import Array
    from nntrain.tasks.drawings import Answers, Drawing


class Ordinal(Task):
    """One of K classes in order (an ordinal target). What is predicted is the likeliest class; the shares of all K are given.

    The loss `ordinal` reads K - 1 logits of being above each level, the losses of classes K logits.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"ordinal"})

    type: Literal["ordinal"] = "ordinal"

    def kind(self, target: Target) -> TargetKind:
        return "ordinal"

    def needs(self, target: Target, link: Link) -> Spec:
        assert target.spec.classes is not None
        return Spec(VECTOR, (link.outputs(target.spec.classes),), "logits")

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("ordinal", "cross_entropy", "focal", "hinge", "perceptron")

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("accuracy", "mae", "cohen_kappa", "confusion_matrix")

    def metric_options(self, target: Target) -> Mapping[str, Mapping[str, Any]]:
        """Kappa counts how far off a class is, where there are more than two."""
        return {} if len(target.classes) == 2 else {"cohen_kappa": {"weights": "quadratic"}}

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        return link.point(output.float())

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        return decode_classes(prediction, target)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The shares of the classes among the training rows: its most likely class is the majority class."""
        return class_shares(encoded, target, weights)

    def baseline_name(self) -> str:
        return "always the commonest"

    def in_words(self, answers: Answers) -> str | None:
        from nntrain.tasks.class_drawings import share_right

        return f"is right in {100 * share_right(answers):.1f} % of the rows"

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.class_drawings import class_drawings

        return class_drawings(answers)

    def misses(self, answers: Answers) -> Array | None:
        from nntrain.tasks.class_drawings import class_misses

        return class_misses(answers)

    def doubts(self, answers: Answers) -> Array | None:
        from nntrain.tasks.class_drawings import class_doubts

        return class_doubts(answers)
