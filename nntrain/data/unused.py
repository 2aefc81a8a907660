"""Columns that no network reads, for who names one all the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nntrain.data.fields.field import Field
from nntrain.data.inference import ROW_NUMBERS


def unused_columns(left_out: Sequence[tuple[str, str]], fields: Mapping[str, Field]) -> dict[str, tuple[str, str | None]]:
    """What to say of each column that is left out or ignored, and the line that lets it in.

    Args:
        left_out: Columns that are not used, and why, as a layout has them.
        fields: What the config says of the columns.
    """
    ignored = {name: ("is ignored (role: ignore)", "remove that role") for name, field in fields.items() if "ignore" in field.role_set}
    return ignored | {name: _told(name, why) for name, why in left_out}


def _told(name: str, why: str) -> tuple[str, str | None]:
    why, _, line = why.partition("; to read it: ")
    if line:
        return f"was left out ({why})", f"fix:  data.{line}"
    field_type = "number" if why == ROW_NUMBERS else None if why.endswith("no field type reads") else "category"
    return f"was left out ({why})", None if field_type is None else f"to read it: data.fields: {{{name}: {field_type}}}"
