"""A number per row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast

from pydantic import PositiveFloat, model_validator

from nntrain.data.fields.field import INPUTS_ONLY, Encoded, Field, Neutral, Role
from nntrain.errors import SpecError
from nntrain.specs import Spec

if TYPE_CHECKING:
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.grid import Grid
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

Normalize = Literal["standard", "robust", "minmax", "none"]
"""`standard`: mean 0 and standard deviation 1 of the training rows. `robust`: median 0 and interquartile range 1, which a few wild values
do not move; where half of the values are one, their range is 2 (as in RealMLP). `minmax`: the range of the training rows to [0, 1]."""

Logarithmic = Literal["log", "log1p"]
"""What is done to a number before it is standardised: its natural logarithm, or that of 1 more."""

Fitted = Literal["power", "quantile"]
"""What is done to it by a curve that training rows shape."""

ABOVE: Final[dict[Logarithmic, float]] = {"log": 0.0, "log1p": -1.0}
"""The number that all must be above."""


class Number(Field):
    """A number: one value for the network, standardised. As a target it is trained standardised and reported in its own unit.

    With `normalize: log` it is the logarithm that is standardised, for numbers above 0 that differ by factors: prices, sales, counts of
    visits. As a target it is trained so, and every metric and prediction is in its own unit; what always predicts the mean predicts that of
    the logarithms.

    `normalize: quantile` makes the training rows normally distributed whatever they are: each value becomes what a normal distribution has
    at its place among them (scikit-learn's QuantileTransformer, with a quantile for 30 rows, from 10 to 1000 of them, and without the noise
    that others add while fitting). Values that many rows have are at the middle of their places; what is beyond the training rows is where
    their lowest and highest value are, 5.2 deviations from the middle. `normalize: power` bends them less: the exponent of Yeo and Johnson
    under which they are most like a normal distribution, then standardised (scikit-learn's PowerTransformer). A missing value is filled
    before either. Both may be targets, predicted and judged in their own unit; beyond the training rows their curves go on straight, and
    the exponent is kept where float32 brings the values back. Of a streamed table both are fitted on all rows up to 65,536, and on a fixed
    random choice of so many where there are more; the lowest and highest value are those of all.

    `smooth_clip: 3` bends scaled inputs, x / sqrt(1 + (x / 3)^2), so that none is beyond 3 or below -3: with `normalize: robust` it is how
    RealMLP reads numbers.

    Where the training rows have one value alone, later rows with another say nothing that was learned: with `robust` (as in RealMLP) and
    `quantile` they are 0 too. With the others they are as far from it as they are, not scaled, as scikit-learn has it. Such a column is
    left out unless it is named.
    """

    main: ClassVar[str | None] = "normalize"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "weight", "fold", "group", "time", "ignore"})

    type: Literal["number"] = "number"
    normalize: Literal[Normalize, Logarithmic, Fitted] = "standard"
    """How the values are scaled; fitted on the training rows. `log`: the natural logarithm, standardised, of values above 0; `log1p`: that
    of 1 more, which 0 has as well. `quantile`: to a normal distribution by their places; `power`: by an exponent."""
    missing: Literal["mean", "median", "error"] | float = "mean"
    """What stands for a missing input: the mean or median of the training rows, a number, or an error."""
    clip: tuple[float, float] | None = None
    """Lowest and highest value of an input, in its own unit; what is beyond is set to the limit."""
    smooth_clip: PositiveFloat | None = None
    """What an input comes near to and never passes, above and below 0, once it is scaled."""
    strip: str | None = None
    """Text to be taken off a cell's start and end before it is read, such as a unit: ` m²`, `$`."""

    @model_validator(mode="after")
    def _limits_are_two(self) -> Number:
        if self.clip is not None and self.clip[0] >= self.clip[1]:
            raise ValueError("clip needs a lower and a higher limit: [0, 100]")
        return self

    @model_validator(mode="after")
    def _comes_back(self) -> Number:
        if self.smooth_clip is not None and {"input", "target"} <= self.role_set:
            raise ValueError("smooth_clip acts on inputs only, and what is a target too must come back to its own unit; use clip")
        return self

    @model_validator(mode="after")
    def _stand_in_has_a_logarithm(self) -> Number:
        curve = self.logarithm
        if curve is not None and isinstance(self.missing, float) and self.missing <= ABOVE[curve]:
            raise ValueError(f"missing {self.missing:g} is not above {ABOVE[curve]:g}, as normalize: {curve} needs it")
        return self

    @property
    def logarithm(self) -> Logarithmic | None:
        """Which logarithm all values must have."""
        return self.normalize if self.normalize in ("log", "log1p") else None

    @property
    def filling(self) -> str | None:
        """The mean, the median, a number."""
        return str(self.missing)

    def in_role(self, role: Role) -> Number:
        """Weights are taken as they are."""
        return self.model_copy(update={"normalize": "none"}) if role == "weight" else self

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """`clip`, `smooth_clip` and `missing` but for inputs, `normalize` of weights."""
        idle = {} if "input" in roles else {"clip": INPUTS_ONLY, "smooth_clip": INPUTS_ONLY, "missing": INPUTS_ONLY}
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
        """Float64 `[N]`. Raises `DataError` for cells that hold no number, or one without the logarithm that is wanted."""
        numbers = table.numbers(columns[0], strip=self.strip)
        if self.logarithm is not None:
            self._require_logarithms(numbers, self.logarithm, table, columns[0])
        return numbers

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Scale, stand-in and curve of the training rows."""
        from nntrain.data.curve_fitting import fit_curve
        from nntrain.data.scaling import fit_logarithms, fit_scaling

        clipped = self._clipped(values).reshape(-1, 1)
        if self.normalize in ("log", "log1p"):
            return fit_logarithms(clipped, self.normalize, self.missing)
        if self.normalize in ("power", "quantile"):
            return fit_curve(clipped, None, self.normalize, self.missing, comes_back=is_target or self._is_target_too)
        constant = 1.0 if is_target else self._scale_of_constant
        return fit_scaling(clipped, self.normalize, self.missing, constant=constant)

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """Scale, stand-in and curve."""
        from nntrain.data.blockwise.learning import ScalingLearner

        return ScalingLearner(
            self.normalize, self.missing, lambda values: self._clipped(values).reshape(-1, 1), constant=self._scale_of_constant
        )

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N]`. Raises `DataError` for a missing value where that is an error."""
        from nntrain.data.scaling import scale

        return Encoded(scale(self._clipped(values).reshape(-1, 1), state, self.smooth_clip)[:, 0])

    def is_missing(self, values: Values) -> Array:
        """NaN."""
        import numpy as np

        return np.isnan(cast("Array", values))

    def magnitudes(self, values: Values) -> Array:
        """One column, before `clip`."""
        return cast("Array", values).reshape(-1, 1)

    def grid(self, values: Values, state: State, points: int) -> Grid:
        """Numbers from low to high."""
        from nntrain.data.grid import Grid, quantiles

        numbers = quantiles(cast("Array", values), points)
        return Grid(numbers, (tuple(numbers.tolist()),), is_ordered=True)

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """The mean of the training rows, of numbers that are bent or scaled by quantiles what they are scaled about; or 0, if it can be."""
        from nntrain.data.scaling import neutral_row

        has_zero = kind == "zero" and (self.logarithm is None or ABOVE[self.logarithm] < 0)
        return neutral_row(state, self.normalize, self.smooth_clip, zero=has_zero)[0]

    def in_own_unit(self, steps: Array, state: State, feature: int | None) -> Array:
        """Numbers before they were scaled; those that were clipped are at the limit."""
        from nntrain.data.scaling import unscaled

        return unscaled(steps, state, self.smooth_clip)[:, 0]

    def _require_logarithms(self, numbers: Array, curve: Logarithmic, table: Table, column: str) -> None:
        """Refuse what has none. Raises `DataError` with the rows."""
        lost = self._clipped(numbers) <= ABOVE[curve]
        if not lost.any():
            return
        takes = "log1p, which takes 0" if curve == "log" and numbers[lost].min() >= 0 else "standard, which takes any number"
        wanted = f"above {ABOVE[curve]:g}, as normalize: {curve} needs it"
        rows = [int(row) for row in lost.nonzero()[0]]
        raise table.unreadable(column, wanted, rows, f"fix:  data.fields.{column}.normalize: {takes}; or leave these rows out")

    @property
    def _is_target_too(self) -> bool:
        """Whether inputs return to their own unit: the past of a window is also what naive forecasts are made of."""
        return "target" in self.role_set

    @property
    def _scale_of_constant(self) -> float:
        """What inputs that never change in the training rows are divided by."""
        return math.inf if self.normalize == "robust" and not self._is_target_too else 1.0

    def _clipped(self, values: Values) -> Array:
        array = cast("Array", values)
        return array if self.clip is None else array.clip(*self.clip)


def require_single(name: str, columns: Sequence[HeaderColumn] | None, what: str) -> None:
    """Refuse arrays with axes beside the rows. Raises `SpecError`."""
    if columns is not None and columns[0].shape:
        shape = ", ".join(map(str, ("N", *columns[0].shape)))
        raise SpecError(f"{name} is an array [{shape}], and {what} is one value per row", "several values: type: vector, series, image")
