"""What follows the last rows of a file: a forecast as a table of its own, a row for each step ahead, with the times continued.

Beyond the horizon of the window the forecasts are fed back: each is the past of the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from nntrain.data.forms.cells import readable
from nntrain.data.table import listed
from nntrain.errors import UsageError

if TYPE_CHECKING:
    from nntrain.commands.stored.opening import Stored
    from nntrain.data.batches import TensorData
    from nntrain.data.rows_ahead import RowsAhead
    from nntrain.data.table import Table
    from nntrain.data.window import WindowSettings
    from nntrain.tasks.task import Decoded

Ask = Callable[["TensorData"], Mapping[str, "Decoded"]]
"""What the network says of windows."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The rows that follow the last one, or the last one of each group."""

    table: Table
    """Group and time of each row, where there are any."""
    columns: Mapping[str, Sequence[Any]]
    """What is predicted of it, and the limits of intervals."""
    notes: tuple[str, ...]
    """Where the newest rows are not like those of training, and what is to be told."""


def is_forecast(stored: Stored) -> bool:
    """Whether a run predicts the rows that follow a window."""
    return stored.fields.window is not None and all(plan.task.forecasts for plan in stored.blueprint.targets.values())


def forecast_rows(stored: Stored, table: Table, ask: Ask, steps: int | None = None) -> Forecast:
    """The forecast after the last row, or after the last row of each group.

    Args:
        stored: The run.
        table: The rows that it is made from.
        ask: What the network says of windows, in raw units.
        steps: Rows that are forecast; default: those of the window's horizon. With more the forecasts are fed back, window after window.

    Raises:
        DataError: No series has a whole past, or what is known beforehand is not there.
        UsageError: More steps than the horizon, and the forecasts don't have all that the next window needs.
    """
    from nntrain.data.drift import Departures
    from nntrain.data.rows_ahead import rows_ahead

    window = stored.fields.window
    assert window is not None
    count = window.horizon if steps is None else steps
    _check_steps(stored, window, count)
    rounds = -(-count // window.horizon)
    rows = rows_ahead(stored.fields, table, window.gap + rounds * window.horizon)
    kinds = [_round(stored, rows, ask, number, feeds=number + 1 < rounds) for number in range(rounds)]
    keeps_limits = rounds == 1
    joined = {
        name: [[value for found in kinds for value in found[name][series]][:count] for series in range(len(rows.first))]
        for name in kinds[0]
        if keeps_limits or not name[1]
    }
    columns = {f"{name}{kind}": [readable(value) for series in found for value in series] for (name, kind), found in joined.items()}
    notes = ["limits   left out: they say nothing of forecasts that are made from forecasts"] if len(joined) < len(kinds[0]) else []
    inputs = [field for field in stored.fields.fields if field.plan.role == "input"]
    drift = Departures.of(inputs, stored.fields.read(table, with_targets=False), rows.newest, {}).lines
    return Forecast(_table(table, rows, window.gap, count), columns, (*drift, *notes))


def _check_steps(stored: Stored, window: WindowSettings, count: int) -> None:
    """Refuse a forecast of forecasts that lacks what the network reads. Raises `UsageError`."""
    if count < 1:
        raise UsageError(f"--steps {count}: at least 1 row is forecast")
    if count <= window.horizon:
        return
    about = f"{stored.run.name} forecasts {window.horizon:,} rows; of {count:,} the later ones are made from the forecasts before"
    if window.gap:
        raise UsageError(f"{about}, and of the {window.gap:,} rows of the gap there is none", f"--steps {window.horizon}, or gap: 0")
    inputs = [field.name for field in stored.fields.fields if field.plan.role == "input" and not window.is_known(field.name)]
    targets = [field.name for field in stored.fields.fields if field.plan.role == "target"]
    lost = [name for name in inputs if name not in targets]
    if lost:
        are = "is" if len(lost) == 1 else "are"
        hint = f"{listed(lost)}: role: [input, target], or known beforehand: data.window: {{…, known: [{', '.join(lost[:3])}]}}"
        raise UsageError(f"{about}, and {listed(lost)}, which the network reads, {are} not forecast", hint)


def _round(stored: Stored, rows: RowsAhead, ask: Ask, number: int, *, feeds: bool) -> dict[tuple[str, str], list[list[Any]]]:
    """One forecast of each series, `horizon` values by column and kind of value; fed back where another one follows."""
    import torch

    window, fields = stored.fields.window, stored.fields
    assert window is not None
    made = number * window.horizon
    room = window.gap + window.horizon if window.known else 0
    data, _ = fields.encode_rows(rows.table, rows.values, rows.until(made + room), with_targets=False)
    lasts = {int(row): place for place, row in enumerate(cast("list[int]", data.rows.tolist()))}
    places = [lasts[int(first) + made - 1] for first in rows.first]
    if fields.lanes is None:  # what is remembered of the windows before needs these
        data, places = data.take(torch.tensor(places)), list(range(len(places)))
    found: dict[tuple[str, str], list[list[Any]]] = {}
    for target, said in ask(data).items():
        names = fields.targets[target].columns or (target,)
        kinds: dict[str, Sequence[Any]] = {"": said.values}
        if said.interval is not None:
            kinds |= {"_low": said.interval[0], "_high": said.interval[1]}
        for index, name in enumerate(names):
            for kind, values in kinds.items():
                found[name, kind] = [[_listed(step)[index] for step in _listed(values[place])] for place in places]
    for name, values in rows.values.items() if feeds else ():
        for first, forecast in zip(rows.first, found.get((name, ""), ()), strict=False):
            values[first + made : first + made + window.horizon] = forecast
    return found


def _table(table: Table, rows: RowsAhead, gap: int, count: int) -> Table:
    """Group and time of the rows that are forecast."""
    import polars as pl

    starts = range(0, len(rows.first) * rows.ahead, rows.ahead)
    cells = {name: [cell for start in starts for cell in cells[start + gap : start + gap + count]] for name, cells in rows.cells.items()}
    columns = {name: pl.Series(name, values, dtype=pl.String) for name, values in cells.items()}
    return replace(table, columns=columns, rows=len(rows.first) * count, lines=None, known={}, classes={})


def _listed(value: object) -> list[Any]:
    """Several values as they are, one as a list of it."""
    return cast("list[Any]", value) if isinstance(value, list) else [value]
