"""Yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast

from pydantic import model_validator

from nntrain.data.fields.field import INPUTS_ONLY, Encoded, Field, Neutral, Role, Words, words
from nntrain.data.fields.number import require_single
from nntrain.specs import Spec

if TYPE_CHECKING:
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.grid import Grid
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

TRUE_WORDS: Final = frozenset(
    {"true", "yes", "y", "t", "1", "on", "ja", "j", "wahr", "oui", "vrai", "si", "sí", "sì", "sim", "verdadero", "vero", "tak", "да"}
)
FALSE_WORDS: Final = frozenset({"false", "no", "n", "f", "0", "off", "nein", "falsch", "non", "faux", "não", "nao", "falso", "nie", "нет"})


class Boolean(Field):
    """One of two values: 0 or 1 for the network."""

    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "group", "ignore"})
    stratifies: ClassVar[bool] = True

    type: Literal["boolean"] = "boolean"
    true: Words | None = None
    """Words for 1, in any case unless case tells the two apart. Default: true, yes, y, t, 1, on and their like, in any case."""
    false: Words | None = None
    """Words for 0; both are given, or none."""
    missing: Literal["mean", "error"] = "mean"
    """What stands for a missing input: the share of ones among the training rows, or an error."""

    @model_validator(mode="after")
    def _both_words_or_none(self) -> Boolean:
        if (self.true is None) != (self.false is None):
            raise ValueError("true and false go together: give the words for both")
        both = set(words(self.true or ())) & set(words(self.false or ()))
        if both:
            raise ValueError(f"{', '.join(sorted(both))} stands for true and for false")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of 0 and 1."""
        if self.true is None or self.false is None:
            return "false", "true"
        return words(self.false)[0], words(self.true)[0]

    @property
    def filling(self) -> str | None:
        """The mean."""
        return self.missing

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """`missing` but for inputs."""
        return {} if "input" in roles else self._changed({"missing": INPUTS_ONLY})

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """One value. Raises `SpecError` for an array with axes beside the rows."""
        require_single(name, columns, "a boolean")
        return Spec((), ())

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """One value."""
        return Spec((), ())

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Float64 `[N]`: 0, 1, NaN where missing. Raises `DataError` for other words."""
        import numpy as np
        import polars as pl

        texts = table.texts(columns[0])
        given = self.true is not None and self.false is not None
        true, false = (words(self.true or ()), words(self.false or ())) if given else (tuple(TRUE_WORDS), tuple(FALSE_WORDS))
        meaning = {**dict.fromkeys(false, 0.0), **dict.fromkeys(true, 1.0)}
        folded = {**{word.lower(): 0.0 for word in false}, **{word.lower(): 1.0 for word in true}}
        ignores_case = not {word.lower() for word in true} & {word.lower() for word in false}
        cells = texts.str.to_lowercase() if ignores_case else texts
        numbers = cells.replace_strict(folded if ignores_case else meaning, default=None, return_dtype=pl.Float64)
        unread = (numbers.is_null() & texts.is_not_null()).to_numpy()
        if unread.any():
            wanted = f"{' or '.join((*true, *false))}" if given else "yes or no, true or false, 1 or 0"
            hint = f"words? data.fields.{columns[0]}: {{type: boolean, true: …, false: …}}   more than two values? type: category"
            raise table.unreadable(columns[0], wanted, [int(row) for row in unread.nonzero()[0]], hint)
        return np.array(numbers.fill_null(float("nan")).to_numpy())

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The share of ones, which stands for missing values."""
        from nntrain.data.scaling import fit_scaling

        return fit_scaling(cast("Array", values).reshape(-1, 1), "none", self.missing)

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """The share of ones."""
        from nntrain.data.blockwise.learning import ScalingLearner

        return ScalingLearner("none", self.missing, lambda values: values.reshape(-1, 1))

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N]`. Raises `DataError` for a missing value where that is an error."""
        from nntrain.data.scaling import scale

        return Encoded(scale(cast("Array", values).reshape(-1, 1), state)[:, 0])

    def grid(self, values: Values, state: State, points: int) -> Grid:
        """False and true."""
        import numpy as np

        from nntrain.data.grid import Grid

        return Grid(np.array([0.0, 1.0]), (self.class_names,), is_ordered=True)

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """The share of ones, or false."""
        from nntrain.data.scaling import neutral_row

        return neutral_row(state, "none", zero=kind == "zero")[0]

    def in_own_unit(self, steps: Array, state: State, feature: int | None) -> Array:
        """0 and 1."""
        return steps[:, 0]

    def is_missing(self, values: Values) -> Array:
        """NaN."""
        import numpy as np

        return np.isnan(cast("Array", values))
