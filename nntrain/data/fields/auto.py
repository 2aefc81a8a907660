"""A field whose type the data tell."""

from __future__ import annotations

from typing import Literal

from nntrain.data.fields.field import Field


class Auto(Field):
    """The type is found from the data, and printed."""

    type: Literal["auto"] = "auto"
