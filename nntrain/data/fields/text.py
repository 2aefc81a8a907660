"""A text: the indices of its tokens."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, cast

from pydantic import Field as Option
from pydantic import PositiveInt, field_validator

from nntrain.data.extras import missing_package
from nntrain.data.fields.field import Encoded, Field, Neutral, Role, Unseen
from nntrain.data.fields.number import require_single
from nntrain.data.tokenizing.settings import AnyTokenizer
from nntrain.data.tokenizing.splitting import Word
from nntrain.data.tokenizing.tokenizer import PADDING, SPECIAL, UNKNOWN
from nntrain.errors import DataError, SpecError
from nntrain.specs import RAGGED, TOKENS, Size, Spec, Unknown
from nntrain.wording import with_article

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.exhibits import Exhibit
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.highlights import Highlight
    from nntrain.data.table import Table
    from nntrain.data.tokenizing.encoder import TextEncoder
    from nntrain.data.words import Coded

SHARED: Final = ("tokenizer", "lowercase", "strip_accents", "replace", "max_vocab", "min_count")
"""Options that decide the vocabulary: fields that share it have the same."""


def following(indices: Array, lengths: Array) -> Array:
    """What follows each token of its row, int64 `[sum of lengths]`; -1 behind the last of a row."""
    import numpy as np

    found = np.concatenate([indices[1:], indices[:1]])
    found[(lengths.cumsum() - 1)[lengths > 0]] = -1
    return found


class Text(Field):
    """A text [T]: an index for each token. Index 0 is padding, 1 a token that the training rows never showed.

    In the role [input, target] the target of a token is the next one: a language model. As a target alone it is a sequence by itself.
    """

    main: ClassVar[str | None] = "tokenizer"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "ignore"})

    type: Literal["text"] = "text"
    tokenizer: AnyTokenizer = Word()
    """What a token is: `word`, `char`, `byte`, `space` (what stands between blanks), or `{type: bpe, size: 8000}` (learned pieces)."""
    lowercase: bool = False
    """Whether all letters become small ones."""
    strip_accents: bool = False
    """Whether letters lose their accents: `é` becomes `e`."""
    replace: dict[str, str] = Option(default_factory=dict[str, str])
    r"""What stands for each match of a regular expression, in this order and before all else: `{"\d+": "0"}`; `\1` is a group."""
    max_vocab: PositiveInt | None = None
    """The commonest so many tokens of the training rows are kept, others are unknown. Default: all."""
    min_count: Annotated[int, Option(ge=1)] = 1
    """Tokens that occur less often in the training rows are unknown."""
    max_length: PositiveInt | None = None
    """Longer texts are cut to their first tokens."""
    like: str | None = None
    """A text field whose tokens and vocabulary this one shares; it is made of the training rows of both."""
    of: str | None = None
    """An input that this one has a token for each step of, so that both can be joined: the shapes or endings of words beside the words,
    which `replace` makes of the same column; a column of parts of speech. It is cut where the other one is."""
    missing: Literal["empty", "error"] = "empty"
    """What a missing input is: a text without tokens, or an error."""

    @field_validator("replace")
    @classmethod
    def _are_patterns(cls, value: dict[str, str]) -> dict[str, str]:
        for pattern, replacement in value.items():
            try:
                re.compile(pattern).sub(replacement, "")
            except (re.error, IndexError) as error:
                raise ValueError(f"{pattern!r}: {replacement!r} is no regular expression and what stands for it: {error}") from None
        return value

    @property
    def lacks(self) -> str | None:
        """The package of the tokenizer."""
        package = self.tokenizer.extra
        return None if package is None else missing_package(f"tokenizer: {self.tokenizer.type}", package, "text")

    @property
    def filling(self) -> str | None:
        """A text without tokens."""
        return "an empty text"

    @property
    def shares(self) -> str | None:
        """`like`."""
        return self.like

    def sharing(self, other: Field) -> Field:
        """The field with the tokens of `other`. Raises `SpecError` where that is no text, or other tokens are asked for here."""
        if not isinstance(other, Text):
            raise SpecError(f"shares the tokens of {self.like}, which is {with_article(other.type)}", "like names another text")
        if other.like is not None:
            raise SpecError(f"shares the tokens of {self.like}, which shares those of {other.like}", f"fix:  like: {other.like}")
        for option in SHARED:
            own, theirs = getattr(self, option), getattr(other, option)
            if own not in (theirs, type(self).model_fields[option].get_default(call_default_factory=True)):
                raise SpecError(f"shares the tokens of {self.like}, which has another {option}", f"remove {option} here, or like")
        return self.model_copy(update={option: getattr(other, option) for option in SHARED})

    @property
    def beside(self) -> str | None:
        """`of`."""
        return self.of

    @property
    def task(self) -> str | None:
        """A text that is its own answer is modelled."""
        return "language_model" if {"input", "target"} <= self.role_set else None

    def join(self, values: Sequence[Values]) -> pl.Series:
        """All texts."""
        import polars as pl

        return pl.concat([cast("pl.Series", texts).rename("text") for texts in values])

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """Limits of a list of tokens where there is none; what only inputs have."""
        found: dict[str, str] = {}
        if not self.tokenizer.learns_words:
            why = "it keeps no list of tokens" if self.tokenizer.known_size is not None else f"{self.tokenizer.type} has a size of its own"
            found |= self._changed(dict.fromkeys(("max_vocab", "min_count"), why))
        if "input" not in roles:
            found |= self._changed({"missing": "rows without a target are left out"})
        if roles != frozenset[Role]({"input"}):
            found |= self._changed({"of": "only what is an input, and nothing else, has a token for each step of another"})
        if self.of is not None:
            found |= self._changed({"max_length": f"it is cut where {self.of} is"})
        return found

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[T], each an index of V. Raises `SpecError` for an array with axes beside the rows."""
        require_single(name, columns, "a text")
        size: Size = self.tokenizer.known_size or Unknown(f"tokens of {self.like or name}")
        return Spec(TOKENS, (RAGGED,), "index", classes=size)

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[T]; V counts padding and unknown."""
        return Spec(TOKENS, (RAGGED,), "index", classes=state["size"])

    def read(self, table: Table, columns: tuple[str, ...]) -> pl.Series:
        """Text `[N]`. Raises `DataError` for a missing one where that is an error."""
        return table.required_texts(columns[0]) if self.missing == "error" else table.texts(columns[0])

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The vocabulary of the training rows. Raises `DataError` where they have no token, or a library is missing."""
        from nntrain.data.tokenizing.encoder import TextEncoder

        texts = [text for text in _cells(values) if text is not None]
        is_modelled = {"input", "target"} <= self.role_set
        state = {**TextEncoder.learn(self, texts), "follows": is_modelled and is_target}
        if is_modelled and len(texts) > 1:  # what goes on with a text knows as many places; of a single text windows are cut
            state["longest"] = int(self.encoder(state).encode(texts, self.max_length)[1].max())
        return state

    @property
    def needs_all_rows(self) -> str | None:
        """Tokens that are shared."""
        return "its tokens are shared with another text (like), and are made of both" if self.like is not None else None

    def learner(self) -> Learner | None:
        """The vocabulary; `None` for tokens that are shared or predicted."""
        from nntrain.data.tokenizing.encoder import TextEncoder

        is_alone = self.like is None and self.role_set <= {"input"}
        return TextEncoder.learner(self) if is_alone else None

    def encoder(self, state: State) -> TextEncoder:
        """Texts to indices and back. Raises `DataError` where a library is missing."""
        from nntrain.data.tokenizing.encoder import TextEncoder

        return TextEncoder.of(self, state)

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Int64 `[sum of lengths]`, and the lengths `[N]`; of a text that is its own answer each token is the next one, and the last -1.

        Raises:
            DataError: A library is missing.
        """
        indices, lengths = self.encoder(state).encode([text or "" for text in _cells(values)], self.max_length)
        return Encoded(following(indices, lengths) if is_target and state["follows"] else indices, lengths)

    def longest(self, state: State) -> int | None:
        """Tokens of the longest training text, where a text is its own answer."""
        return state.get("longest")

    def opening(self, prompt: str | None, state: State) -> Array:
        """The tokens of a prompt, int64 `[T]`; without one a line end, or the commonest token where that is none.

        Raises:
            DataError: The prompt has no token that training showed.
        """
        import numpy as np

        text = prompt or "\n"
        indices = self.encoder(state).encode([text])[0]
        if len(indices) and not bool((indices == UNKNOWN).all()):
            return indices
        if prompt:
            shown = text if len(text) <= 40 else f"{text[:40]}…"
            raise DataError(f"{shown!r} has no token that the training text has", "begin with another text")
        return np.array([SPECIAL], dtype=np.int64)

    def rendered(self, steps: Array, state: State) -> str:
        """The text."""
        return self.encoder(state).decode(steps.tolist())

    def exhibits(self, table: Table, columns: tuple[str, ...], rows: Sequence[int]) -> Sequence[Exhibit]:
        """The texts, long ones cut."""
        from nntrain.data.exhibits import cell_text, text_of

        return [text_of(cell_text(table.columns[columns[0]], row)) for row in rows]

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """Padding."""
        import numpy as np

        return np.array(PADDING, dtype=np.int64)

    def highlight(self, seen: Array, shares: Array, state: State) -> Highlight:
        """Marked tokens."""
        from nntrain.data.highlights import MarkedWords

        encoder = self.encoder(state)
        words = (encoder.decode([index]) for index in seen.tolist())
        return MarkedWords(tuple(words), tuple(float(share) for share in shares))

    def to_text(self, state: State) -> Callable[[Sequence[int]], str]:
        """The tokens joined. Raises `DataError` where a library is missing."""
        return self.encoder(state).decode

    def first_steps(self, columns: Sequence[HeaderColumn]) -> int | None:
        """The fewest tokens of the first different texts; `None` for tokens that are learned."""
        texts = columns[0].facts.others if columns[0].facts is not None else ()
        if not texts or self.tokenizer.extra is not None:
            return None
        from nntrain.data.tokenizing.normalizing import Normalizer
        from nntrain.data.tokenizing.vocabulary import Limits

        normalize = Normalizer(self.replace, lowercase=self.lowercase, strip_accents=self.strip_accents)
        changed = [normalize(text) for text in texts]
        cutter = self.tokenizer.cutter(self.tokenizer.fit(["a", *changed], Limits()))
        return min(len(row[: self.max_length]) for row in cutter.indices(changed))

    def unseen(self, values: Values, state: State) -> Unseen | None:
        """Tokens that training never showed."""
        return self.encoder(state).unseen([text or "" for text in _cells(values)])

    def is_missing(self, values: Values) -> Array:
        """Null."""
        from nntrain.data.words import are_missing

        return are_missing(cast("pl.Series | Coded", values))


def _cells(values: Values) -> list[str | None]:
    """The texts of all rows; `None` for a missing one."""
    return cast("pl.Series | Coded", values).to_list()
