"""The base of all sources: raw records by name, from files or from the package."""

from __future__ import annotations

from nntrain.schema import Component


class Source(Component):
    """Where the records come from."""
