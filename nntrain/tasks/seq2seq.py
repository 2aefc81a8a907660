"""A text that is written for a row, token by token: translation, summaries, captions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from pydantic import Field as Option
from pydantic import PositiveInt

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.schema import StrictModel
from nntrain.specs import RAGGED, SEQUENCE, TOKENS, Spec
from nntrain.tasks.task import Asked, Decoded, Lesson, Target, Task

if TYPE_CHECKING:
    from torch import Tensor

UNKNOWN = 1
"""Index of a token that training never showed: none is written."""


class Search(StrictModel):
    """A search for a likely text."""

    beam: PositiveInt = 4
    """Beginnings that are kept at each token."""
    length_penalty: Annotated[float, Option(ge=0)] = 0.6
    """Exponent of the length by which log-probabilities are divided (Wu et al. 2016, equation 14); 0 prefers short texts."""


class Seq2Seq(Task):
    """A text, written token by token, each after those before it (Sutskever et al. 2014).

    While it trains, the network is told the true beginning (teacher forcing), and the loss is that of the next token and of the end.
    What it predicts it writes by itself: index 0, that of padding, begins and ends a text.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"text"})

    type: Literal["seq2seq"] = "seq2seq"
    decode_: Annotated[Literal["greedy"] | Search, Option(alias="decode")] = "greedy"
    """How a text is written. `greedy`: the likeliest token each time. `{beam: 4, length_penalty: 0.6}`: the likeliest text among those
    that begin with one of the 4 likeliest beginnings; slower, in each evaluation too."""
    max_length: PositiveInt = 100
    """Tokens after which a text ends."""

    def kind(self, target: Target) -> TargetKind:
        return "sequence"

    def scored_kind(self, target: Target) -> TargetKind:
        return "classes"

    def needs(self, target: Target, link: Link) -> Spec:
        assert target.spec.classes is not None
        return Spec(SEQUENCE, (RAGGED, link.outputs(target.spec.classes)), "logits")

    def port(self, target: Target) -> Spec | None:
        return Spec(TOKENS, (RAGGED,), "index", classes=target.spec.classes)

    def teach(self, target: Tensor) -> Lesson:
        """Each token a step behind, 0 first; the tokens themselves, 0 last."""
        lengths = (target >= 0).sum(dim=1)
        start = target.new_zeros(len(target), 1)
        answer = (target.new_full((len(target), 1), -1),)
        return Lesson(
            _cat(start, target.clamp(min=0)),
            lengths + 1,
            _cat(target, *answer).scatter(1, lengths.unsqueeze(1), 0),
        )

    def search(self, asked: Asked, target: Target) -> Tensor:
        import torch

        from nntrain.modules.beam_search import beam_search

        def scores(rows: Tensor, told: Tensor) -> Tensor:
            logits = asked(rows, told)
            return logits.index_fill(1, torch.tensor([UNKNOWN], device=logits.device), -torch.inf).log_softmax(dim=1)

        search = Search(beam=1, length_penalty=0.0) if self.decode_ == "greedy" else self.decode_
        return beam_search(scores, asked.rows, asked.device, most=self.max_length, beam=search.beam, length_penalty=search.length_penalty)

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("cross_entropy", "focal")

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("exact_match", "wer", "cer")

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        rows = cast("list[list[int]]", prediction.long().tolist())
        assert target.to_text is not None
        return Decoded(tuple(cast("Any", target.to_text([token for token in row if token >= 0])) for row in rows))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """An empty text."""
        return encoded.new_empty(1, 0)

    def baseline_name(self) -> str:
        return "an empty text"


def _cat(*parts: Tensor) -> Tensor:
    import torch

    return torch.cat(parts, dim=1)
