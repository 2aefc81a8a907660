"""What a checkpoint says of the states that are averaged in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

PART = "soup"
"""Part of a checkpoint that says which states are in it, and what they give together."""


def soup_of(parts: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a checkpoint says of the states that are averaged in it; `None` where it is a single state.

    Raises:
        LookupError, TypeError, ValueError: It is not what `make_soup` writes.
    """
    if PART not in parts:
        return None
    found = cast("dict[str, Any]", parts[PART])
    return {"of": int(found["of"]), "steps": [int(step) for step in found["steps"]], "before": found["before"], "after": found["after"]}
