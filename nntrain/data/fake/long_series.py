"""Made-up series whose steps are rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nntrain.data.fake.values import Rows, matrix
from nntrain.data.long_series import LongSeries
from nntrain.data.sources.labelled import LabelledFiles

if TYPE_CHECKING:
    from nntrain.data.settings import DataSettings

    Values = Mapping[str, Any]


def stretched(settings: DataSettings, columns: Values, rows: Rows) -> tuple[Values, Values]:
    """Columns of series as those of their steps, and those that stand in a table of labels.

    Args:
        settings: The data section.
        columns: Values by column, one for each row of the data.
        rows: The rows.

    Returns:
        The table of steps, from 5 of a series on, and the table of labels; without one its columns are in the first. Where a row of the
        file is a row of the data the columns as they are, and none.
    """
    long = LongSeries.of(settings)
    if long is None:
        return columns, {}
    steps = long.step_columns(tuple(columns))
    counts = (5 + rows.hidden * 20).astype(int).tolist()
    own = {name: values for name, values in columns.items() if name not in (*steps, long.by, long.order)}
    has_labels = isinstance(settings.source, LabelledFiles) and settings.source.labels is not None
    found: dict[str, Any] = {long.by: [row for row, count in enumerate(counts) for _ in range(count)]}
    if long.order is not None:
        found[long.order] = [step for count in counts for step in range(count)]
    for place, name in enumerate(sorted(steps, key=list(columns).index)):
        waves = matrix(rows, max(counts), place).tolist()
        found[name] = [value for wave, count in zip(waves, counts, strict=True) for value in wave[:count]]
    if has_labels:
        return found, {long.by: list(range(len(counts))), **own}
    return {**found, **{name: [values[row] for row in found[long.by]] for name, values in own.items()}}, {}
