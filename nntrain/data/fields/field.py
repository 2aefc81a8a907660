"""The base of all field types: what a column means, how it is fitted on training rows and turned into numbers."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.schema import Component

Role = Literal["input", "target", "weight", "split", "ignore"]
"""What a column is there for."""

Words = str | int | tuple[str | int, ...]
"""One cell text or several; a number stands for its digits."""


def words(value: Words) -> tuple[str, ...]:
    """Cell texts as they stand in a file."""
    return tuple(str(word) for word in (value if isinstance(value, tuple) else (value,)))


class Field(Component):
    """What one column, or several that belong together, mean to the network."""

    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "weight", "split", "ignore"})
    """Roles that a field of this type can have."""

    role: Role | tuple[Role, ...] | None = None
    """What the field is for. Default: target for what `data.target` names, else input."""
    column: str | None = None
    """The column or array that the values come from. Default: the one with the field's name."""

    @property
    def role_set(self) -> frozenset[Role]:
        """The roles that are written; none where the default applies."""
        if self.role is None:
            return frozenset()
        return frozenset(self.role if isinstance(self.role, tuple) else (self.role,))
