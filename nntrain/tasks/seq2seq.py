"""A text that is written for a row, token by token: translation, summaries, captions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field as Option
from pydantic import PositiveInt

from nntrain.data.tokenizing.tokenizer import UNKNOWN
from nntrain.losses.loss import TargetKind
from nntrain.schema import StrictModel
from nntrain.specs import RAGGED, TOKENS, Spec
from nntrain.tasks.task import Asked, Lesson, Target
from nntrain.tasks.text_task import TextTask

if TYPE_CHECKING:
    from torch import Tensor


class Search(StrictModel):
    """A search for a likely text."""

    beam: PositiveInt = 4
    """Beginnings that are kept at each token."""
    length_penalty: Annotated[float, Option(ge=0)] = 0.6
    """Exponent of the length by which log-probabilities are divided (Wu et al. 2016, equation 14); 0 prefers short texts."""


class Seq2Seq(TextTask):
    """A text, written token by token, each after those before it (Sutskever et al. 2014).

    While it trains, the network is told the true beginning (teacher forcing), and the loss is that of the next token and of the end.
    What it predicts it writes by itself: index 0, that of padding, begins and ends a text.
    """

    readers: ClassVar[str] = "type: encoder_decoder, or a node with transformer_decoder, "

    type: Literal["seq2seq"] = "seq2seq"
    decode_: Annotated[Literal["greedy"] | Search, Option(alias="decode")] = "greedy"
    """How a text is written. `greedy`: the likeliest token each time. `{beam: 4, length_penalty: 0.6}`: the likeliest text among those
    that begin with one of the 4 likeliest beginnings; slower, in each evaluation too."""
    max_length: PositiveInt = 100
    """Tokens after which a text ends."""

    def scored_kind(self, target: Target) -> TargetKind:
        return "classes"

    def port(self, target: Target) -> Spec | None:
        return Spec(TOKENS, (RAGGED,), "index", classes=target.spec.classes)

    def most_told(self) -> int:
        """What begins a text, then all its tokens: the end is asked for behind the last."""
        return self.max_length + 1

    def teach(self, target: Tensor) -> Lesson:
        """Each token a step behind, 0 first; the tokens themselves, 0 last."""
        import torch

        lengths = (target >= 0).sum(dim=1)
        told = torch.cat([target.new_zeros(len(target), 1), target.clamp(min=0)], dim=1)
        answer = torch.cat([target, target.new_full((len(target), 1), -1)], dim=1)
        return Lesson(told, lengths + 1, answer.scatter(1, lengths.unsqueeze(1), 0))

    def search(self, asked: Asked, target: Target) -> Tensor:
        import torch

        from nntrain.modules.beam_search import beam_search

        def scores(rows: Tensor, told: Tensor, parents: Tensor | None) -> Tensor:  # none that training never showed is written
            logits = asked(rows, told, parents)
            return logits.index_fill(1, torch.tensor([UNKNOWN], device=logits.device), -torch.inf).log_softmax(dim=1)

        search = Search(beam=1, length_penalty=0.0) if self.decode_ == "greedy" else self.decode_
        return beam_search(scores, asked.rows, asked.device, most=self.max_length, beam=search.beam, length_penalty=search.length_penalty)

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("cross_entropy", "focal")

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("exact_match", "wer", "cer")
