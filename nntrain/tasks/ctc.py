"""Which tokens the steps of a sequence spell: speech recognition, handwriting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field as Option
from pydantic import PositiveInt

from nntrain.losses.links import Link
from nntrain.schema import StrictModel
from nntrain.tasks.task import Target
from nntrain.tasks.text_task import TextTask

if TYPE_CHECKING:
    from torch import Tensor


class Beam(StrictModel):
    """A search for the likeliest text."""

    beam: PositiveInt = 8
    """Prefixes that are kept at each step."""


class CTC(TextTask):
    """The text that the steps of a sequence spell, in their order: each step gives a token or a blank (Graves et al. 2006).

    The network gives a row of V numbers for each step, of which the first, for padding elsewhere, stands for the blank. It needs at least
    as many steps as the text has tokens, and one more between two that are alike.
    """

    type: Literal["ctc"] = "ctc"
    decode_: Annotated[Literal["greedy"] | Beam, Option(alias="decode")] = "greedy"
    """How the text is read off the steps. `greedy`: the likeliest token of each step. `{beam: 8}`: the likeliest text, by a search that
    keeps the 8 best beginnings at each step; it adds up the alignments of a text and takes longer."""

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
