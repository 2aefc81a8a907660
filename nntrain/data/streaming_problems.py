"""Settings of reading rows when their batch comes that nothing hears. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nntrain.data.field_plan import FieldPlan
from nntrain.data.header import Header
from nntrain.data.settings import DataSettings
from nntrain.errors import Problem


def streaming_problems(settings: DataSettings, plans: Sequence[FieldPlan], header: Header | None) -> Iterator[Problem]:
    """Settings of reading rows when their batch comes that nothing hears."""
    targets = {plan.name for plan in plans if plan.role == "target"}
    inputs = [plan for plan in plans if plan.role == "input" and plan.name not in targets]
    has_nothing = header is not None and not any(plan.field.streams(header.column(plan.columns[0])) for plan in inputs)
    if settings.workers and not settings.streaming:
        message = "has no effect: without streaming all rows are kept in memory"
        yield Problem(("data", "workers"), message, "remove it" if has_nothing else "remove it, or add  streaming: true", on_key=True)
    if settings.streaming and has_nothing:
        message = "has no effect: no input is read when its batch comes; images that are files are, where they are no target"
        yield Problem(("data", "streaming"), message, "remove it: rows are kept in memory", on_key=True)
