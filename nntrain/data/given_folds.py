"""A column that says which fold a row is in, beside the other settings of the split. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nntrain.data.field_plan import FieldPlan
from nntrain.data.settings import DataSettings
from nntrain.errors import Problem


def fold_problems(settings: DataSettings, fields: Sequence[FieldPlan]) -> Iterator[Problem]:
    """Settings beside which nothing reads such a column, or which want other rows tested."""
    name, split = next((plan.name for plan in fields if plan.role == "fold"), None), settings.split
    if name is None:
        return
    if settings.window is not None:
        yield Problem(("data", "fields", name, "role"), "windows are split by time, and not by folds", "fix:  role: ignore")
    elif split.folds is None and split.by not in (None, "group"):
        message = f"{split.by} does not read the column {name}, whose role is fold: rows of one fold may be trained on and measured"
        yield Problem(("data", "split", "by"), message, "fix:  by: group, or  folds: COUNT  and  fold: 1  beside it")
    elif split.by == "time":
        message = f"time would test the latest rows, and the column {name}, whose role is fold, says which fold is tested"
        yield Problem(("data", "split", "by"), message, "fix:  by: group")
