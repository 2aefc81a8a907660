"""One of some values."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field as Option

from nntrain.data.fields.field import Field, Role


class Category(Field):
    """One of K values: an index for the network. As an input, index 0 is what the training rows never showed."""

    main: ClassVar[str | None] = "classes"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "split", "ignore"})

    type: Literal["category"] = "category"
    classes: Annotated[int, Option(ge=2)] | tuple[str | int, ...] | None = None
    """Names of the classes in their order, or how many there are. Default: what the training rows show."""
    missing: Literal["class", "error"] = "class"
    """What a missing input is: a class of its own, or an error."""
    unknown: Literal["accept", "error"] = "accept"
    """A value that training never showed. `accept`: an input gets index 0; a row whose target it is is left out and counted."""
    min_count: Annotated[int, Option(ge=1)] = 1
    """Values of an input that fewer training rows have count as never shown."""
    drop: tuple[str | int, ...] = ()
    """Rows with one of these values are left out."""
