"""What tasks share whose target is a whole text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import RAGGED, SEQUENCE, Spec
from nntrain.tasks.task import Decoded, Target, Task

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.tasks.drawings import Answers, Drawing


class TextTask(Task):
    """A text is predicted for each row: int64 `[B, L]` with -1 behind the end. The network gives V numbers for each of its steps."""

    field_types: ClassVar[frozenset[str]] = frozenset({"text"})
    unaveraged: ClassVar[str | None] = "writes a text, and texts have no mean"

    def kind(self, target: Target) -> TargetKind:
        return "sequence"

    def needs(self, target: Target, link: Link) -> Spec:
        assert target.spec.classes is not None
        return Spec(SEQUENCE, (RAGGED, link.outputs(target.spec.classes)), "logits")

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        rows = cast("list[list[int]]", prediction.long().tolist())
        assert target.to_text is not None
        return Decoded(tuple(cast("Any", target.to_text([token for token in row if token >= 0])) for row in rows))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """An empty text, of which every word is missing: the word error rate is 1."""
        return encoded.new_empty(1, 0)

    def baseline_name(self) -> str:
        return "an empty text"

    def drawings(self, answers: Answers) -> Iterator[Drawing]:
        from nntrain.tasks.value_drawings import text_drawings

        return text_drawings(answers)
