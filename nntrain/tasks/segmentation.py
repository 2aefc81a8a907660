"""Which class each pixel of an image is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import IMAGE, Spec
from nntrain.tasks.classification import class_shares
from nntrain.tasks.task import Decoded, Target, Task, UnitAxis

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.fields.field import Array
    from nntrain.tasks.drawings import Answers, Drawing


class Segmentation(Task):
    """One of K classes for each pixel of an image (a mask target).

    Losses score a row's pixels together and count each once (dice and the like: each row), metrics count pixels over the whole split.
    Pixels that the field ignores count nothing in either.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"mask"})

    type: Literal["segmentation"] = "segmentation"

    def kind(self, target: Target) -> TargetKind:
        return "classes"

    def unit_axis(self, target: Target) -> UnitAxis | None:
        return "pixel"

    def needs(self, target: Target, link: Link) -> Spec:
        assert target.spec.classes is not None
        return Spec(IMAGE, (link.outputs(target.spec.classes), *target.spec.sizes), "logits")

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("cross_entropy", "dice", "jaccard", "tversky", "focal", "hinge", "perceptron")

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("iou", "accuracy", "dice")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        return link.point(output.float())

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        """Class indices uint8 `[B, H, W]` as arrays, and the share of each class in a row."""
        shares = {
            name: tuple(cast("list[float]", (prediction == index).flatten(1).double().mean(dim=1).tolist()))
            for index, name in enumerate(target.classes)
        }
        return Decoded(tuple(prediction.numpy()), shares=shares)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The shares of the classes among the training pixels: its likeliest one is the commonest class."""
        return class_shares(encoded, target, weights)

    def baseline_name(self) -> str:
        return "always the commonest"

    def in_words(self, answers: Answers) -> str | None:
        from nntrain.tasks.class_drawings import share_right

        return f"is right about {100 * share_right(answers):.1f} % of the pixels" if answers.counts is not None else None

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.class_drawings import confusion

        if answers.counts is not None:
            yield confusion(answers)

    def misses(self, answers: Answers) -> Array | None:
        """The share of each row's pixels that are wrong."""
        if answers.counts is None or answers.rows is None:
            return None
        import numpy as np

        from nntrain.tasks.class_drawings import taken

        of, counts = answers.rows.numpy(), answers.counts.numpy()
        is_wrong = taken(answers) != answers.truth.long().numpy()
        wrong, all_of = (np.bincount(of, weights=counts * part, minlength=answers.num_rows) for part in (is_wrong, 1))
        return wrong / np.maximum(all_of, 1)
