"""The fields of a config as people read them: name, type, shape, and what each is for. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nntrain.data.window import FORECAST, KNOWN, KNOWN_PAST, WINDOW

if TYPE_CHECKING:
    from nntrain.data.layout import Layout
    from nntrain.data.window import WindowSettings

FieldRow = tuple[str, str, str, str]
"""Name, type, shape and note; the shape is empty where the tensor has several columns together."""


def field_rows(layout: Layout) -> list[FieldRow]:
    """A row for each field; of windows then one for each tensor that they make."""
    if layout.window is None:
        return [(plan.name, plan.field.type, str(plan.spec), plan.note or "") for plan in layout.fields]
    return [*_columns(layout, layout.window), *_tensors(layout, layout.window)]


def _columns(layout: Layout, window: WindowSettings) -> Iterator[FieldRow]:
    """What each column of a window is for."""
    targets = {plan.name: str(plan.spec) for plan in layout.targets}
    uses = {"input": f"a feature of {WINDOW}", "group": "no window has two of its values", "time": "orders the rows"}
    uses["target"] = f"a column of {FORECAST}" if FORECAST in targets else _ahead(window)
    for plan in layout.fields:
        shape = targets.get(plan.name, "") if plan.role == "target" else ""
        use = f"a feature of {KNOWN} and {KNOWN_PAST}" if plan.role == "input" and window.is_known(plan.name) else uses.get(plan.role)
        yield plan.name, plan.field.type, shape, use or plan.note or ""


def _tensors(layout: Layout, window: WindowSettings) -> Iterator[FieldRow]:
    """The tensors that a window makes of several columns."""
    for plan in layout.targets:
        if plan.name == FORECAST:
            yield FORECAST, "series", str(plan.spec), _ahead(window)
    past = f"the last {window.past:,} rows" + (f", one every {window.step}" if window.step > 1 else "")
    notes = {WINDOW: past, KNOWN: "known beforehand of the rows that are predicted", KNOWN_PAST: f"the same of {past}"}
    for name, spec in layout.inputs.items():
        yield name, "series", str(spec), notes[name]


def _ahead(window: WindowSettings) -> str:
    rows = f"{window.horizon:,} row{'s' if window.horizon > 1 else ''} ahead"
    return f"target: {rows}" + (f" after {window.gap:,}" if window.gap else "")
