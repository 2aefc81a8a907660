"""Numbers that training rows lack, and what stands for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nntrain.data.field_plan import FieldPlan
from nntrain.data.table import listed
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values


def filled(plans: tuple[FieldPlan, ...], values: Mapping[str, Values], rows: Array, file: str) -> list[str]:
    """Missing numbers among the training rows, and what stands for them. Raises `DataError` where a column has no number at all."""
    told: list[str] = []
    for plan in plans:
        filling = plan.field.filling if plan.role == "input" else None
        count = 0 if filling is None else int(plan.field.is_missing(values[plan.name])[rows].sum())
        if count and count == len(rows):
            raise DataError(
                f"{file}: {plan.name} has no value in the {count:,} training rows", f"fix:  fields: {{{plan.name}: {{role: ignore}}}}"
            )
        if count:
            told.append(f"{plan.name} {count:,} ({filling})")
    return [f"missing values filled in: {listed(told, 8)}"] if told else []
