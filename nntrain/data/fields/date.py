"""A date, or a date and time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

from nntrain.data.dates import TwoReadings, differing, find_format, has_zone, telling
from nntrain.data.fields.field import Encoded, Field, Neutral, Role
from nntrain.data.fields.number import require_single
from nntrain.errors import DataError
from nntrain.specs import VECTOR, Spec, Unknown

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.grid import Grid
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

PARTS: Final = ("year", "month", "day", "weekday", "hour", "seconds")
"""What a date is made into, in this order; `month`, `day`, `weekday` and `hour` are a sine and a cosine each."""

_DAY: Final = 86_400
NO_DATE: Final = "the training rows have no date"


class Date(Field):
    """A date [F]: year, month, day, weekday and hour, and the time since the first training row.

    Month, day of the month, weekday and time of day are the sine and cosine of their part of a round, so that December is beside
    January; the year is standardised; the time goes from 0 at the first training row to 1 at the last, and on from there. Parts that
    never change in the training rows are left out.
    """

    main: ClassVar[str | None] = "format"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "time", "ignore"})

    type: Literal["date"] = "date"
    format: str | None = None
    """How the cells are written, in the words of strptime: `%d.%m.%Y %H:%M`; `2024-01-31` is read beside any. Default: found from all cells
    of the training file."""
    missing: Literal["mean", "error"] = "mean"
    """What stands for a missing date: the mean of each part over the training rows, or an error."""
    time_zone: str | None = None
    """Zone in which times with an offset (`+02:00`, `Z`) are read, such as Europe/Berlin. Default: UTC."""

    @property
    def filling(self) -> str | None:
        """The mean."""
        return self.missing

    def settled(self, table: Table, columns: tuple[str, ...]) -> Date:
        """With the format that all cells show. Raises `DataError` for cells in none, or in one of two."""
        found = self._format(table, columns[0])
        return self if found is None else self.model_copy(update={"format": found})

    def settled_of(self, tables: Iterable[Table], columns: tuple[str, ...]) -> Date:
        """The same of a file that is read a block at a time: in some of them, day and month may each come first."""
        places: dict[str, str] = {}
        file = ""
        for table in tables:
            written, file = self.format or table.date_format, table.name
            if written is not None:
                return self.model_copy(update={"format": written})
            texts = table.texts(columns[0])
            cells = texts.to_list()
            for cell in telling(texts.drop_nulls().unique(maintain_order=True).to_list()):
                places[cell] = places.get(cell) or table.place(cells.index(cell))
        return self.model_copy(update={"format": _one_format(file, columns[0], list(places), places.__getitem__)}) if places else self

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """F values; how many parts change is known from the training rows. Raises `SpecError` for an array with axes beside the rows."""
        require_single(name, columns, "a date")
        return Spec(VECTOR, (Unknown(f"parts of {name}"),))

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """F values."""
        return Spec(VECTOR, (len(state["fill"]),))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Seconds since 1970 on the clock of its place, float64 `[N]`; NaN where missing. Raises `DataError` for cells that are no date."""
        import numpy as np
        import polars as pl

        texts = table.texts(columns[0])
        written = self._format(table, columns[0])
        if written is None:
            return np.full(len(texts), np.nan)
        times = _times(texts, written)
        others = texts.filter(times.is_null() & texts.is_not_null())
        own = find_format(others.unique(maintain_order=True).to_list())
        if isinstance(own, str) and own.startswith("%Y-%m-%d") and has_zone(own) == has_zone(written):
            times = pl.select(pl.coalesce(times, _times(texts, own))).to_series()  # dates that a program or another file writes as ISO
        unread = (times.is_null() & texts.is_not_null()).to_numpy()
        if unread.any():
            hint = f"another format? data.fields.{columns[0]}.format   missing? data.source.missing   text? type: category"
            raise table.unreadable(columns[0], f"a date like {written!r}", [int(row) for row in unread.nonzero()[0]], hint)
        if self.missing == "error":
            table.check_complete(columns[0], texts)
        if self.time_zone is not None and not has_zone(written):
            raise DataError(f"{table.name}: {columns[0]}: time_zone has no effect: the cells say no offset from UTC", "remove it")
        if has_zone(written):
            times = self._local(times, table.name, columns[0])
        return (times.cast(pl.Int64).cast(pl.Float64) / 1e6).fill_null(float("nan")).to_numpy().copy()

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The parts that change, the first time and the span, and the mean of each part. Raises `DataError` where there is no date."""
        import numpy as np
        import torch

        seconds = cast("Array", values)
        present = seconds[~np.isnan(seconds)]
        if not len(present):
            raise DataError(NO_DATE)
        first, last = float(present.min()), float(present.max())
        parts = date_parts(present)
        spread = float(parts["year"].std())
        state: State = {
            "parts": [part for part in PARTS[:-1] if (parts[part] != parts[part][0]).any()],
            "first": first,
            "span": last - first or 1.0,
            "year": float(parts["year"].mean()),
            "year_scale": spread or 1.0,
            "fill": [],
        }
        return {**state, "fill": torch.from_numpy(_features(present, state).mean(axis=0))}

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """The parts that change, and the mean of each."""
        from nntrain.data.blockwise.dates import DateLearner

        return DateLearner()

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N, F]`."""
        import numpy as np

        seconds = cast("Array", values)
        is_missing = np.isnan(seconds)
        features = _features(np.where(is_missing, state["first"], seconds), state)
        return Encoded(np.where(is_missing[:, None], state["fill"].numpy(), features).astype(np.float32))

    def grid(self, values: Values, state: State, points: int) -> Grid:
        """Dates from early to late, written `2024-01-31`, with the time of day where there is one."""
        import numpy as np

        from nntrain.data.grid import Grid, quantiles

        seconds = quantiles(cast("Array", values), points)
        unit = "D" if not (seconds % _DAY).any() else "s"
        cells = np.datetime_as_string(seconds.astype("datetime64[s]"), unit=unit)
        return Grid(seconds, (tuple(map(str, cells)),), is_ordered=True)

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """The mean of each part over the training rows."""
        import numpy as np

        return cast("Array", state["fill"].numpy().astype(np.float32))

    def is_missing(self, values: Values) -> Array:
        """NaN."""
        import numpy as np

        return np.isnan(cast("Array", values))

    def _format(self, table: Table, column: str) -> str | None:
        """The format; `None` where all cells are missing. Raises `DataError`."""
        texts = table.texts(column)
        written = self.format or table.date_format
        if written is not None or texts.null_count() == len(texts):
            return written
        cells = cast("list[str]", texts.drop_nulls().unique(maintain_order=True).to_list())
        return _one_format(table.name, column, cells, lambda cell: table.place(texts.to_list().index(cell)))

    def _local(self, times: pl.Series, file: str, column: str) -> pl.Series:
        import polars as pl

        try:
            return times.dt.convert_time_zone(self.time_zone or "UTC").dt.replace_time_zone(None)
        except pl.exceptions.ComputeError:
            raise DataError(f"{file}: {column}: no time zone {self.time_zone!r}", "its name is like Europe/Berlin") from None


def _one_format(file: str, column: str, cells: Sequence[str], place: Callable[[str], str]) -> str:
    """The format of all cells; `place` says where one stands. Raises `DataError`."""
    found = find_format(cells)
    if isinstance(found, TwoReadings):
        raise DataError(f"{file}: {found.message(column)}", found.hint(column))
    if found is None:
        ways = differing(cells)[:3]
        shown = ", ".join(map(repr, ways if len(ways) > 1 else cells[:3]))
        odd = f" ({place(ways[-1])})" if len(ways) > 1 else ""
        raise DataError(
            f"{file}: {column}: no one format reads all its dates: {shown}{odd}",
            f"data.fields.{column}: {{type: date, format: '%d.%m.%Y'}}   missing? data.source.missing   text? type: category",
        )
    return found


def _times(texts: pl.Series, written: str) -> pl.Series:
    """Microseconds since 1970; null for what the format does not read. Formats without a day stand for the first of the month."""
    cells = texts.str.replace(" ?Z$", "+00:00") if has_zone(written) else texts
    return cells.str.to_datetime(written, strict=False, time_unit="us")


def date_parts(seconds: Array) -> dict[str, Array]:
    """Year as a number; of month, day, weekday and time of day the part of a round that is over, in [0, 1)."""
    import numpy as np

    days = np.floor(seconds / _DAY).astype("datetime64[D]")
    months, years = days.astype("datetime64[M]"), days.astype("datetime64[Y]")
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype("float64")
    return {
        "year": years.astype("float64") + 1970,
        "month": (months - years.astype("datetime64[M]")).astype("float64") / 12,
        "day": (days - months.astype("datetime64[D]")).astype("float64") / length,
        "weekday": (days.astype("int64") + 3) % 7 / 7,
        "hour": (seconds % _DAY) / _DAY,
    }


def _features(seconds: Array, state: State) -> Array:
    """`[N, F]`."""
    import numpy as np

    parts = date_parts(seconds)
    columns: list[Any] = []
    for part in state["parts"]:
        if part == "year":
            columns.append((parts["year"] - state["year"]) / state["year_scale"])
        else:
            columns += [np.sin(2 * np.pi * parts[part]), np.cos(2 * np.pi * parts[part])]
    return np.stack([*columns, (seconds - state["first"]) / state["span"]], axis=1)
