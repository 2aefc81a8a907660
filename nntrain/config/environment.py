"""`${env:NAME}` in a config: read for the run, kept as it was written in what is saved."""

from __future__ import annotations

import os
import re
from typing import Final

from nntrain.config import scalars

REFERENCE: Final = re.compile(r"\$\{env:([^}]*)\}")


class UnsetError(ValueError):
    """An environment variable that a config needs is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set")
        self.name = name


def value(text: str) -> scalars.Scalar:
    """Put in the values of environment variables. A reference alone is read like a scalar without quotes: it may be a number.

    Raises:
        UnsetError: One of them is not set.
        TooLongError: It stands for a whole number of more digits than any setting needs.
    """

    def found(match: re.Match[str]) -> str:
        value = os.environ.get(match[1])
        if value is None:
            raise UnsetError(match[1])
        return value

    expanded = REFERENCE.sub(found, text)
    return scalars.resolve(expanded) if REFERENCE.fullmatch(text) else expanded
