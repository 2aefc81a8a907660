"""Which token of a text comes next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from nntrain.data.tokenizing.tokenizer import SPECIAL
from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.metrics.language import characters
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.judging import metric_info
from nntrain.tasks.task import Decoded, Target, Task, UnitAxis, by_unit

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from nntrain.tasks.drawings import Answers, Drawing
    from nntrain.tasks.sampling import Sampling


class LanguageModel(Task):
    """Which of V tokens follows each token of a text, from those up to it (a text that is input and target).

    The network must not look ahead. Loss in nats a token; each token counts once. It is what a config with one field, a text, and no
    target does.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"text"})
    looks_back: ClassVar[bool] = True
    generates: ClassVar[bool] = True
    references: ClassVar[tuple[str, ...]] = ("ngram",)

    type: Literal["language_model"] = "language_model"

    def kind(self, target: Target) -> TargetKind:
        return "classes"

    def unit_axis(self, target: Target) -> UnitAxis | None:
        return "time"

    def needs(self, target: Target, link: Link) -> Spec:
        assert target.spec.classes is not None
        return by_unit(target, Spec(VECTOR, (link.outputs(target.spec.classes),), "logits"))

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("cross_entropy", "focal")

    def metrics(self, target: Target) -> tuple[str, ...]:
        """Bits a character too, unless the tokens are known to leave out what stands between them."""
        bits = () if target.to_text is not None and characters(metric_info(self, target)) is None else ("bits_per_char",)
        return ("perplexity", *bits, "accuracy")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        return link.point(output.float())

    def draw(self, output: Tensor, seen: Tensor, sampling: Sampling, generator: Generator) -> Tensor:
        """Draw a token; neither padding nor the token for unknown ones."""
        from nntrain.modules.sampling import draw_token

        output = output.clone()
        output[:, :SPECIAL] = float("-inf")
        return draw_token(output, seen, sampling, generator)

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        """The likeliest token at each place."""
        assert target.to_text is not None
        return Decoded(tuple(target.to_text([index]) for index in cast("list[int]", prediction.argmax(dim=1).tolist())))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The shares of the tokens in the training text; a token that isn't in it counts as a half of one that is there once."""
        assert isinstance(target.spec.classes, int)
        counts = encoded.bincount(weights=None if weights is None else weights.double(), minlength=target.spec.classes).double()
        raised = counts.clamp(min=0.5)
        return (raised / raised.sum()).unsqueeze(0)

    def baseline_name(self) -> str:
        return "unigram"

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.value_drawings import next_token_drawings

        return next_token_drawings(answers)
