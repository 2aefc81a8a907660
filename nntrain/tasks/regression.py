"""A number, a row of numbers, or an image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from nntrain.errors import Problem
from nntrain.losses.links import Interval, Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import Spec
from nntrain.tasks.task import Decoded, Target, Task, weighted_mean, with_size
from nntrain.wording import short_number

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.fields.field import Array
    from nntrain.tasks.drawings import Answers, Drawing


class Regression(Task):
    """A value (a number target), F values (a vector target) or a value for each pixel (an image target).

    Of an ordinal target it is the number of the level, from 0; the prediction is the nearest level.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"number", "vector", "image", "ordinal"})

    type: Literal["regression"] = "regression"
    clamp: bool = False
    """Whether predictions, and the intervals around them, are held within the lowest and the highest value of the target in the training
    rows, each value of a vector by itself: a network that goes astray on a row far off is then no further off than any training row
    (RealMLP: Holzmüller, Grinsztajn, Steinwart, 2024). For targets that are numbers or vectors; the loss sees what the network says."""

    def kind(self, target: Target) -> TargetKind:
        return "values"

    def needs(self, target: Target, link: Link) -> Spec:
        return with_size(target, link.outputs)

    def losses(self, target: Target) -> tuple[str, ...]:
        several = ("cosine",) if target.spec.rank else ()
        pixels = ("bce",) if target.field_type == "image" else ()
        return ("mse", "mae", *pixels, "huber", "smooth_l1", "log_cosh", "quantile", "gaussian_nll", *several)

    def metrics(self, target: Target) -> tuple[str, ...]:
        if target.field_type == "image":  # most images have a pixel that hardly ever changes, of whose variance nothing is explained
            return ("rmse", "mae")
        return ("rmse", "mae", "r2")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        return link.point(_numbers(output, target, link))

    def interval(self, output: Tensor, target: Target, link: Link) -> Interval | None:
        return link.interval(_numbers(output, target, link))

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        if target.field_type == "image":
            return Decoded(tuple(prediction.float().numpy()))
        if not target.classes:
            return Decoded(tuple(cast("list[Any]", prediction.tolist())))
        levels = cast("list[float]", prediction.round().clamp(0, len(target.classes) - 1).tolist())
        return Decoded(tuple(target.classes[int(level)] for level in levels))

    @property
    def is_held(self) -> bool:
        return self.clamp

    def reading_problems(self, target: Target, *, has_validation: bool) -> Iterator[Problem]:
        if self.clamp and target.field_type == "ordinal":
            yield Problem(
                ("clamp",), f"has no effect: {target.name} is ordinal, and no level is beyond the others", "remove it", on_key=True
            )
        elif self.clamp and target.field_type == "image":
            yield Problem(("clamp",), f"is for numbers and vectors, and {target.name} is an image", "remove it", on_key=True)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The mean of the training rows."""
        return weighted_mean(encoded, weights)

    def baseline_name(self) -> str:
        return "always the mean"

    def in_words(self, answers: Answers) -> str | None:
        if answers.truth.ndim > 1 or answers.target.classes:
            return None
        half = float((answers.predicted.double() - answers.truth.double()).abs().quantile(0.5))
        return f"is right to within {short_number(half)} for half of the rows"

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.value_drawings import value_drawings

        return value_drawings(answers) if answers.truth.ndim <= 2 else iter(())

    def misses(self, answers: Answers) -> Array | None:
        from nntrain.tasks.value_drawings import value_misses

        return value_misses(answers)

    def doubts(self, answers: Answers) -> Array | None:
        from nntrain.tasks.value_drawings import value_doubts

        return value_doubts(answers)


def _numbers(output: Tensor, target: Target, link: Link) -> Tensor:
    """The output `[B, …]` of the values, `[B, …, Q]` where each value has several numbers."""
    from nntrain.modules.losses import split_numbers

    output = output.float()
    if target.spec.rank == 0:
        return output.reshape(len(output), *((link.per_value,) if link.per_value > 1 else ()))
    axis = target.spec.axes.index("channel") if "channel" in target.spec.axes else target.spec.rank - 1
    return output if link.per_value == 1 else split_numbers(output, axis + 1, link.per_value)
