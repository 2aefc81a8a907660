"""A number per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import model_validator

from nntrain.data.fields.field import INPUTS_ONLY, Encoded, Field, Role
from nntrain.errors import SpecError
from nntrain.specs import Spec

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

Normalize = Literal["standard", "robust", "minmax", "none"]
"""`standard`: mean 0 and standard deviation 1 of the training rows. `robust`: median 0 and interquartile range 1, which a few wild values
do not move. `minmax`: the range of the training rows to [0, 1]."""


class Number(Field):
    """A number: one value for the network, standardised. As a target it is trained standardised and reported in its own unit."""

    main: ClassVar[str | None] = "normalize"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "weight", "group", "time", "ignore"})

    type: Literal["number"] = "number"
    normalize: Normalize = "standard"
    """How the values are scaled; fitted on the training rows."""
    missing: Literal["mean", "median", "error"] | float = "mean"
    """What stands for a missing input: the mean or median of the training rows, a number, or an error."""
    clip: tuple[float, float] | None = None
    """Lowest and highest value of an input, in its own unit; what is beyond is set to the limit."""
    strip: str | None = None
    """Text to be taken off a cell's start and end before it is read, such as a unit: ` m²`, `$`."""

    @model_validator(mode="after")
    def _limits_are_two(self) -> Number:
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError("clip needs a lower and a higher limit: [0, 100]")
        return self

    @property
    def filling(self) -> str | None:
        """The mean, the median, a number."""
        return str(self.missing)

    def in_role(self, role: Role) -> Number:
        """Weights are taken as they are."""
        return self.model_copy(update={"normalize": "none"}) if role == "weight" else self

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """`clip` and `missing` but for inputs, `normalize` of weights."""
        idle = {} if "input" in roles else {"clip": INPUTS_ONLY, "missing": INPUTS_ONLY}
        if "weight" in roles and self.normalize != "none":
            idle["normalize"] = "weights are taken as they are"
        return self._changed(idle)

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """One value. Raises `SpecError` for an array with axes beside the rows."""
        require_single(name, columns, "a number")
        return Spec((), ())

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """One value."""
        return Spec((), ())

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Float64 `[N]`. Raises `DataError` for cells that hold no number."""
        return table.numbers(columns[0], strip=self.strip)

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Scale and stand-in of the training rows."""
        from nntrain.data.scaling import fit_scaling

        return fit_scaling(self._clipped(values).reshape(-1, 1), self.normalize, self.missing)

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N]`. Raises `DataError` for a missing value where that is an error."""
        from nntrain.data.scaling import scale

        return Encoded(scale(self._clipped(values).reshape(-1, 1), state)[:, 0])

    def is_missing(self, values: Values) -> Array:
        """NaN."""
        import numpy as np

        return np.isnan(cast("Array", values))

    def magnitudes(self, values: Values) -> Array:
        """One column, before `clip`."""
        return cast("Array", values).reshape(-1, 1)

    def _clipped(self, values: Values) -> Array:
        array = cast("Array", values)
        return array if self.clip is None else array.clip(*self.clip)


def require_single(name: str, columns: Sequence[HeaderColumn] | None, what: str) -> None:
    """Refuse arrays with axes beside the rows. Raises `SpecError`."""
    if columns is not None and columns[0].shape:
        shape = ", ".join(map(str, ("N", *columns[0].shape)))
        raise SpecError(f"{name} is an array [{shape}], and {what} is one value per row", "several values: type: vector, series, image")
