"""What sounds next: any of some notes at each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.classification import decode_labels
from nntrain.tasks.task import Decoded, Target, Task, UnitAxis, by_unit, weighted_mean

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from nntrain.tasks.sampling import Sampling


class NextStep(Task):
    """Which of F notes sound at the next step, from those up to this one (a field of notes that is input and target).

    The network must not look ahead. The loss of a step is the sum over its notes, in nats: the negative log-likelihood of what follows,
    as in the literature (Boulanger-Lewandowski et al. 2012); the last step of a piece has nothing behind it and does not count.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"notes"})
    looks_back: ClassVar[bool] = True
    generates: ClassVar[bool] = True
    undrawn: ClassVar[frozenset[str]] = frozenset({"top_k", "top_p", "repetition_penalty"})

    type: Literal["next_step"] = "next_step"

    def kind(self, target: Target) -> TargetKind:
        return "labels"

    def unit_axis(self, target: Target) -> UnitAxis | None:
        return "time"

    def needs(self, target: Target, link: Link) -> Spec:
        return by_unit(target, Spec(VECTOR, (link.outputs(target.spec.sizes[-1]),), "logits"))

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("bce", "focal")

    def loss_options(self, target: Target) -> Mapping[str, Any]:
        """Notes are added up."""
        return {"reduction": "sum"}

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("nll", "jaccard", "f1")

    def metric_options(self, target: Target) -> Mapping[str, Mapping[str, Any]]:
        """All notes of all steps together: `jaccard` is the frame accuracy of Bay, Ehmann and Downie 2009."""
        return {"jaccard": {"average": "micro"}, "f1": {"average": "micro"}}

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        return link.point(output.float())

    def draw(self, output: Tensor, seen: Tensor, sampling: Sampling, generator: Generator) -> Tensor:
        """Each note by itself: what `undrawn` names chooses among tokens, of which there is one at a time."""
        from nntrain.modules.sampling import draw_notes

        return draw_notes(output, sampling, generator)

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        return decode_labels(prediction, target, threshold)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """How often each note sounds in the training rows."""
        return weighted_mean(encoded, weights)

    def baseline_name(self) -> str:
        return "always the mean"
