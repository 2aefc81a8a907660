"""Several numbers that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import model_validator

from nntrain.data.fields.field import INPUTS_ONLY, Encoded, Field, Neutral, Role
from nntrain.data.fields.number import Normalize, require_single
from nntrain.specs import VECTOR, Spec, Unknown

if TYPE_CHECKING:
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.grid import Grid
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table


class Vector(Field):
    """F numbers per row: columns of a table, or one array [N, F]. Each is scaled by itself."""

    main: ClassVar[str | None] = "columns"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "ignore"})
    features_apart: ClassVar[bool] = True

    type: Literal["vector"] = "vector"
    columns: str | tuple[str, ...] | None = None
    """Names of the columns, in which `*` stands for any text: `pixel*`. Columns keep the order of the file."""
    normalize: Normalize = "standard"
    """How the values are scaled, each feature by itself; fitted on the training rows."""
    missing: Literal["mean", "median", "error"] | float = "mean"
    """What stands for a missing input: the mean or median of its feature in the training rows, a number, or an error."""

    @model_validator(mode="after")
    def _one_place(self) -> Vector:
        if self.columns is not None and self.column is not None:
            raise ValueError("column and columns both say where the values come from; remove one")
        return self

    @property
    def source_columns(self) -> tuple[str, ...] | None:
        """Names or patterns of the columns."""
        if self.columns is None:
            return super().source_columns
        return (self.columns,) if isinstance(self.columns, str) else self.columns

    @property
    def filling(self) -> str | None:
        """The mean, the median, a number."""
        return str(self.missing)

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """`missing` but for inputs."""
        return {} if "input" in roles else self._changed({"missing": INPUTS_ONLY})

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """F values. Raises `SpecError` for several columns that are not of single values."""
        if columns is None:
            return Spec(VECTOR, (Unknown(f"columns of {name}"),))
        if len(columns) == 1 and len(columns[0].shape) == 1:
            return Spec(VECTOR, columns[0].shape)
        for column in columns:
            require_single(column.name, (column,), "each column of a vector")
        return Spec(VECTOR, (len(columns),))

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """F values."""
        return Spec(VECTOR, (len(state["scale"]),))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Numbers `[N, F]`. Raises `DataError` for cells that hold no number."""
        from nntrain.data.scaling import read_matrix

        return read_matrix(table, columns)

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Scale and stand-in of each feature."""
        from nntrain.data.scaling import fit_scaling

        return fit_scaling(cast("Array", values), self.normalize, self.missing)

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """Scale and stand-in of each feature."""
        from nntrain.data.blockwise.learning import ScalingLearner

        return ScalingLearner(self.normalize, self.missing, lambda values: values)

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N, F]`. Raises `DataError` for another F than in training, or a missing value where that is an error."""
        from nntrain.data.scaling import scale

        return Encoded(scale(cast("Array", values), state))

    def grid(self, values: Values, state: State, points: int) -> Grid:
        """Each feature from low to high; one that has fewer values repeats its last."""
        import numpy as np

        from nntrain.data.grid import Grid, quantiles

        columns = [quantiles(column, points) for column in cast("Array", values).astype(np.float64).T]
        longest = max(map(len, columns))
        filled = [np.pad(column, (0, longest - len(column)), mode="edge") if len(column) else np.zeros(longest) for column in columns]
        return Grid(np.stack(filled, axis=1), tuple(tuple(column.tolist()) for column in columns), is_ordered=True)

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """The means of the training rows, or 0."""
        from nntrain.data.scaling import neutral_row

        return neutral_row(state, self.normalize, zero=kind == "zero")

    def in_own_unit(self, steps: Array, state: State, feature: int | None) -> Array | None:
        """The numbers of one feature."""
        if feature is None:
            return None
        offset, factor = (float(state[key][feature]) for key in ("offset", "scale"))
        return cast("Array", steps[:, 0].astype("float64") * factor + offset)

    def is_missing(self, values: Values) -> Array:
        """Rows in which a value is missing."""
        import numpy as np

        return cast("Array", np.isnan(cast("Array", values)).any(axis=1))

    def magnitudes(self, values: Values) -> Array:
        """The features."""
        return cast("Array", values)
