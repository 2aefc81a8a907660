"""A sequence of numbers per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import PositiveInt, model_validator

from nntrain.data.fields.field import Encoded, Field, Neutral, RaggedArray, Role
from nntrain.data.fields.number import Normalize, require_single
from nntrain.errors import DataError
from nntrain.specs import RAGGED, SEQUENCE, Size, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.highlights import Highlight
    from nntrain.data.table import Table


class Series(Field):
    """A series [T, F]: columns of a table in their order, an array [N, T] or [N, T, F], or rows of different lengths."""

    main: ClassVar[str | None] = "columns"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "ignore"})

    type: Literal["series"] = "series"
    columns: str | tuple[str, ...] | None = None
    """Names of the columns that hold the steps of one feature, in which `*` stands for any text: `t*`. With `by` each is a
    feature."""
    values: str | None = None
    """Array with the steps of all rows one after another, [sum of lengths] or [sum of lengths, F]; needs `lengths`."""
    lengths: str | None = None
    """Array [N] with the number of steps of each row."""
    by: str | None = None
    """Column that says which series a row is a step of: all rows of one id are one series [T, F], whose features are `columns`. Other
    columns say something of the whole series, and are the same in all of its rows."""
    order: str | None = None
    """Column of numbers or times by which the steps of a series are sorted; goes with `by`. Default: the order of the file."""
    max_length: PositiveInt | None = None
    """Longer series are cut to their first steps."""
    normalize: Normalize = "standard"
    """How the values are scaled, each feature over all steps; fitted on the training rows."""
    missing: Literal["mean", "median", "error"] | float = "mean"
    """What stands for a missing value: the mean or median of its feature in the training rows, a number, or an error."""

    @model_validator(mode="after")
    def _one_place(self) -> Series:
        if (self.values is None) != (self.lengths is None):
            raise ValueError("values and lengths go together: the steps of all rows, and how many each row has")
        if sum(option is not None for option in (self.columns, self.column, self.values)) > 1:
            raise ValueError("column, columns and values each say where the steps come from; keep one")
        if self.by is not None and (self.columns is None or self.by == self.order):
            raise ValueError("by needs columns: the features of a step; order is another column")
        if self.order is not None and self.by is None:
            raise ValueError("order sorts the steps of a series, and goes with by: the column that tells series apart")
        return self

    @property
    def source_columns(self) -> tuple[str, ...] | None:
        """Names or patterns of the columns, or the arrays `values` and `lengths`."""
        if self.values is not None and self.lengths is not None:
            return self.values, self.lengths
        if self.columns is None:
            return super().source_columns
        return (self.columns,) if isinstance(self.columns, str) else self.columns

    @property
    def step_keys(self) -> tuple[str, ...]:
        """The columns of ids and places."""
        return tuple(column for column in (self.by, self.order) if column is not None)

    @property
    def filling(self) -> str | None:
        """The mean, the median, a number."""
        return str(self.missing)

    @property
    def step_column(self) -> str | None:
        """The array `values`."""
        return self.values

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[T, F]; T is ragged where rows have lengths. Raises `SpecError` for several columns that are not of single values."""
        if self.values is not None:
            features: Size = Unknown(f"features of {name}") if columns is None else (*columns[0].shape, 1)[0]
            return Spec(SEQUENCE, (RAGGED, features))
        if self.by is not None:
            return Spec(SEQUENCE, (RAGGED, Unknown(f"features of {name}") if columns is None else len(columns)))
        if columns is None:
            return Spec(SEQUENCE, (Unknown(f"steps of {name}"), Unknown(f"features of {name}")))
        if len(columns) == 1 and len(columns[0].shape) in (1, 2):
            steps, features = (*columns[0].shape, 1)[:2]
        else:
            for column in columns:
                require_single(column.name, (column,), "each column of a series")
            steps, features = len(columns), 1
        return Spec(SEQUENCE, (min(steps, self.max_length or steps), features))

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[T, F]."""
        steps = RAGGED if state["steps"] is None else state["steps"]
        return Spec(SEQUENCE, (steps, len(state["scale"])))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array | RaggedArray:
        """Numbers `[N, T, F]`, or rows of different lengths. Raises `DataError` for what is no number, or lengths that do not add up."""
        from nntrain.data.scaling import read_long, read_ragged, read_steps

        if self.values is not None:
            return read_ragged(table, columns, self.max_length)
        if self.by is not None:
            return read_long(table, columns, self.max_length)
        return read_steps(table, columns, self.max_length)

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Scale and stand-in of each feature."""
        from nntrain.data.scaling import fit_scaling

        array = values.values if isinstance(values, RaggedArray) else cast("Array", values)
        steps = None if isinstance(values, RaggedArray) else array.shape[1]
        return {**fit_scaling(array.reshape(-1, array.shape[-1]), self.normalize, self.missing), "steps": steps}

    @property
    def needs_all_rows(self) -> str | None:
        """Rows of different lengths."""
        return None if self.values is None and self.by is None else "its rows are made of many rows of a file"

    def learner(self) -> Learner | None:
        """Scale and stand-in of each feature; `None` for rows of different lengths, which are no rows of a table."""
        from nntrain.data.blockwise.learning import SeriesLearner

        return None if self.values is not None or self.by is not None else SeriesLearner(self.normalize, self.missing)

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N, T, F]`; `[sum of lengths, F]` and the lengths `[N]` where rows differ.

        Raises:
            DataError: T or F is another than in training, or a value is missing where that is an error.
        """
        from nntrain.data.scaling import scale

        if isinstance(values, RaggedArray):
            return Encoded(scale(values.values, state), values.lengths.astype("int64"))
        array = cast("Array", values)
        if array.shape[1] != state["steps"]:
            raise DataError(f"{array.shape[1]} steps, and the network was made for {state['steps']}")
        return Encoded(scale(array.reshape(-1, array.shape[-1]), state).reshape(array.shape))

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """The means of the training rows, or 0."""
        from nntrain.data.scaling import neutral_row

        return neutral_row(state, self.normalize, zero=kind == "zero")

    def highlight(self, seen: Array, shares: Array, state: State) -> Highlight:
        """Heat over steps and features."""
        from nntrain.data.highlights import heat_over_steps

        return heat_over_steps(seen, shares)

    def is_missing(self, values: Values) -> Array:
        """Rows without a step, or in which a value is missing."""
        import numpy as np

        if isinstance(values, RaggedArray):
            return values.lengths == 0
        return cast("Array", np.isnan(cast("Array", values)).any(axis=(1, 2)))
