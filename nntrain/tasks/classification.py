"""Which of some classes a row belongs to, or which of some labels it has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast

from pydantic import Field

from nntrain.errors import Problem, SpecError
from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import MetricInfo
from nntrain.metrics.settings import AnyMetric
from nntrain.schema import StrictModel
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.judging import Reading, Tuning, metric_info
from nntrain.tasks.task import Decoded, Target, Task, UnitAxis, axis_of_units, by_unit, weighted_mean

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.exhibits import Words
    from nntrain.data.fields.field import Array
    from nntrain.tasks.drawings import Answers, Drawing

LABEL_THRESHOLD = 0.5
"""Chance above which a row has a label."""


class Tuned(StrictModel):
    """A threshold that is found on the validation rows."""

    tune: AnyMetric
    """The metric that it is to be best for: `f1`, `{type: f_beta, beta: 2}`."""

    def problems(self, info: MetricInfo, name: str) -> Iterator[Problem]:
        """Why no threshold can be found for the metric; paths count from the task."""
        path, metric = ("threshold", "tune"), self.tune
        if info.kind not in metric.fits:
            yield Problem(path, f"{metric.type} does not fit the target {name}", "fix:  tune: f1")
        elif not (metric.decides and metric.monitored):
            what = f"{metric.type} does not depend on the threshold" if metric.monitored else f"{metric.type} is no number"
            yield Problem(path, what, "fix:  tune: f1")
        elif getattr(metric, "threshold", None) is not None:
            yield Problem((*path, "threshold"), "has no effect: the threshold is what is tuned", "remove it", on_key=True)
        else:
            try:
                metric.check(info)
            except SpecError as error:
                yield Problem(path, f"{metric.type}: {error.message}", error.hint)


class Classification(Task):
    """One of K classes (a category target), yes and no (a boolean target) or any of K labels (a multi_label target).

    A target with a value for each step or node has one such answer for each. Of an ordinal target the order of the classes does not count.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"category", "boolean", "multi_label", "ordinal"})

    type: Literal["classification"] = "classification"
    threshold: Annotated[float, Field(gt=0, lt=1)] | Tuned | None = None
    """Probability above which the second of two classes, or a label, is taken: a number, or `{tune: f1}`, which finds the best one for a
    metric on the validation rows, for each state that is saved. `null` is 0.5, and so are the reports while a threshold is tuned."""
    calibrate: Literal["temperature"] | None = None
    """`temperature`: divide the logits by the number that makes the log loss of the validation rows smallest, so that probabilities are
    as sure as they are right; the likeliest class stays. Found for each state that is saved."""

    def kind(self, target: Target) -> TargetKind:
        kinds: dict[str, TargetKind] = {"boolean": "binary", "multi_label": "labels"}
        return kinds.get(target.field_type, "classes")

    def unit_axis(self, target: Target) -> UnitAxis | None:
        return axis_of_units(target)

    def needs(self, target: Target, link: Link) -> Spec:
        need = Spec(VECTOR, (1,), "logits")
        if self.kind(target) != "binary":
            size = target.spec.sizes[-1] if self.kind(target) == "labels" else target.spec.classes
            assert size is not None
            need = Spec(VECTOR, (link.outputs(size),), "logits")
        return need if self.unit_axis(target) is None else by_unit(target, need)

    def hint(self, target: Target) -> Spec | None:
        has_one = self.kind(target) == "classes" and self.unit_axis(target) is None
        return Spec((), (), "index", classes=target.spec.classes) if has_one else None

    def losses(self, target: Target) -> tuple[str, ...]:
        several = ("focal", "hinge", "perceptron")
        kind = self.kind(target)
        if kind == "classes":
            return ("cross_entropy", *several, "margin")
        return ("bce", *several, "margin", "dice", "jaccard", "tversky") if kind == "labels" else ("bce", *several)

    def metrics(self, target: Target) -> tuple[str, ...]:
        if self.kind(target) == "labels":
            return ("f1", "accuracy", "hamming_loss")
        return ("accuracy", "balanced_accuracy", "f1", "log_loss", "auroc", "confusion_matrix")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        output = output.float()
        return link.point(output.reshape(len(output)) if self.kind(target) == "binary" else output)

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        decode = decode_labels if self.kind(target) == "labels" else decode_classes
        return decode(prediction, target, threshold)

    def reading(self) -> Reading:
        return Reading(threshold=self.threshold if isinstance(self.threshold, float) else None)

    def tuning(self) -> Tuning:
        return Tuning(self.calibrate is not None, self.threshold.tune if isinstance(self.threshold, Tuned) else None)

    def reading_problems(self, target: Target, *, has_validation: bool) -> Iterator[Problem]:
        info = metric_info(self, target)
        if self.threshold is not None and info.kind == "classes" and info.num_classes > 2:
            what = f"needs two classes, or labels: of the {info.num_classes} classes of {target.name} the likeliest is taken"
            yield Problem(("threshold",), what, "fix:  leave threshold out", on_key=True)
        elif isinstance(self.threshold, Tuned):
            yield from self.threshold.problems(info, target.name)
        tuned = {"threshold": isinstance(self.threshold, Tuned), "calibrate": self.calibrate is not None}
        for option in (option for option, is_tuned in tuned.items() if is_tuned and not has_validation):
            yield Problem((option,), "is tuned on the validation rows, and there are none", "fix:  data.split.validation: 0.1", on_key=True)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The shares of the classes among the training rows, and of the rows that have a label: the majority class, the common labels."""
        return weighted_mean(encoded, weights) if self.kind(target) in {"binary", "labels"} else class_shares(encoded, target, weights)

    def baseline_name(self) -> str:
        return "always the commonest"

    def cautions(self, name: str) -> Iterator[str]:
        is_set = self.calibrate is not None
        how = f"were calibrated on the validation rows ({self.calibrate})" if is_set else "were not calibrated"
        yield f"Probabilities of {name} {how}."

    def truth(self, value: Tensor, target: Target) -> str | Words | Tensor:
        if self.kind(target) != "labels":
            return super().truth(value, target)
        has = cast("list[float]", value.tolist())
        return target.separator.join(label for label, share in zip(target.classes, has, strict=True) if share > 0.5)

    def in_words(self, answers: Answers) -> str | None:
        if self.kind(answers.target) == "labels":
            return None
        from nntrain.tasks.class_drawings import share_right

        return f"is right in {100 * share_right(answers):.1f} % of the {'rows' if answers.rows is None else 'units'}"

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.class_drawings import class_drawings, label_drawings

        return label_drawings(answers) if self.kind(answers.target) == "labels" else class_drawings(answers)

    def misses(self, answers: Answers) -> Array | None:
        from nntrain.tasks.class_drawings import class_misses, label_misses

        return label_misses(answers) if self.kind(answers.target) == "labels" else class_misses(answers)

    def doubts(self, answers: Answers) -> Array | None:
        from nntrain.tasks.class_drawings import class_doubts

        return None if self.kind(answers.target) == "labels" else class_doubts(answers)


def decode_classes(prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
    """The likeliest class of shares `[B, K]`, or `[B]` of the second of two; of two the second where its share is above a threshold."""
    import torch

    shares = torch.stack([1 - prediction, prediction], dim=1) if prediction.ndim == 1 else prediction
    likeliest = shares.argmax(dim=1) if threshold is None else (shares[:, 1] > threshold).long()
    best = cast("list[int]", likeliest.tolist())
    return Decoded(tuple(target.classes[index] for index in best), _by_class(shares, target))


def decode_labels(prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
    """The labels of each row, of chances `[B, K]`."""
    has = cast("list[list[bool]]", (prediction > (LABEL_THRESHOLD if threshold is None else threshold)).tolist())
    values = ([label for label, is_there in zip(target.classes, row, strict=True) if is_there] for row in has)
    return Decoded(tuple(values), _by_class(prediction, target), separator=target.separator)


def class_shares(encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
    """Shares of classes `[N]` with weights `[N]`: float64 `[1, K]`."""
    counts = encoded.bincount(weights=None if weights is None else weights.double(), minlength=len(target.classes)).double()
    return (counts / counts.sum()).unsqueeze(0)


def _by_class(shares: Tensor, target: Target) -> dict[str, tuple[float, ...]]:
    columns = cast("list[list[float]]", shares.T.tolist())
    return {name: tuple(column) for name, column in zip(target.classes, columns, strict=True)}
