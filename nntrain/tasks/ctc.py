"""Which tokens the steps of a sequence spell: speech recognition, handwriting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field as Option
from pydantic import PositiveInt

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.schema import StrictModel
from nntrain.specs import RAGGED, SEQUENCE, Spec
from nntrain.tasks.task import Decoded, Target, Task

if TYPE_CHECKING:
    from torch import Tensor


class Beam(StrictModel):
    """A search for the likeliest text."""

    beam: PositiveInt = 8
    """Prefixes that are kept at each step."""


class CTC(Task):
    """The text that the steps of a sequence spell, in their order: each step gives a token or a blank (Graves et al. 2006).

    The network gives a row of V numbers for each step, of which the first, for padding elsewhere, stands for the blank. It needs at least
    as many steps as the text has tokens, and one more between two that are alike.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"text"})

    type: Literal["ctc"] = "ctc"
    decode_: Annotated[Literal["greedy"] | Beam, Option(alias="decode")] = "greedy"
    """How the text is read off the steps. `greedy`: the likeliest token of each step. `{beam: 8}`: the likeliest text, by a search that
    keeps the 8 best beginnings at each step; it adds up the alignments of a text and takes longer."""

    def kind(self, target: Target) -> TargetKind:
        return "sequence"

    def needs(self, target: Target, link: Link) -> Spec:
        assert target.spec.classes is not None
        return Spec(SEQUENCE, (RAGGED, link.outputs(target.spec.classes)), "logits")

    def steps_for(self, tokens: int, repeats: int) -> int:
        """A step for each token, and a blank between two that are alike."""
        return tokens + repeats

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("ctc",)

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("wer", "cer")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        """The tokens of each row, int64 `[B, L]` with -1 behind the end."""
        from nntrain.modules.ctc import greedy, prefix_beam

        if self.decode_ == "greedy":
            return greedy(output, lengths)
        return prefix_beam(output.float().log_softmax(dim=2), lengths, self.decode_.beam)

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        rows = cast("list[list[int]]", prediction.long().tolist())
        assert target.to_text is not None
        return Decoded(tuple(cast("Any", target.to_text([token for token in row if token >= 0])) for row in rows))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """An empty text, of which every word is missing: the word error rate is 1."""
        return encoded.new_empty(1, 0)

    def baseline_name(self) -> str:
        return "an empty text"
