"""What was found in the data and may not be meant, in words. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from nntrain.data.inference import Guess
    from nntrain.data.naming import NamedField

WHO: Final = frozenset(
    f"{who}{ending}" for who in ("speaker", "subject", "patient", "participant", "person", "singer") for ending in ("", "_id", "id")
)
"""Names of columns that say of whom a row is."""


def doubts(named: Sequence[NamedField], guesses: Mapping[str, Guess | None], *, is_random: bool) -> Iterator[str]:
    """Doubts of guessed types, and rows of one person on both sides of a split.

    Args:
        named: The fields.
        guesses: Their types, where they were guessed.
        is_random: Whether rows are split off at random.
    """
    for field in named:
        guess = guesses[field.name]
        if guess is not None and guess.doubt:
            yield f"{field.name}: {guess.doubt}"
    if not is_random or any(field.roles & {"fold", "group"} for field in named):
        return
    for field in named:
        guess = guesses[field.name]
        tells_rows_apart = guess is not None and guess.field is None
        if field.name.lower() in WHO and field.field.role is None and "target" not in field.roles and not tells_rows_apart:
            yield (
                f"{field.name}: rows of one {field.name.lower().removesuffix('id').removesuffix('_')} are trained on and measured, which"
                f" flatters a network that meets new ones; data.fields.{field.name}: {{role: group}} keeps them apart, role: ignore leaves"
                " the column out"
            )
