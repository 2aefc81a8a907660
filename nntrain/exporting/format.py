"""What a form of exported networks is. Torch-free."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nntrain.schema import Component


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained network as it is exported: what predicts, and nothing that training needed. No path of a machine is in it."""

    state: Mapping[str, Any]
    """Trees by part, tensors in them: `weights`, the fitted `fields`, what is tuned (`task`), where it is an average its `soup`, and what
    `intervals` are made of. Of a bag the last alone: its members have the others."""
    step: int
    """Steps that it was trained for."""
    files: Mapping[str, str]
    """Texts that lie beside the weights, by name."""
    members: Mapping[str, Trained] = field(default_factory=dict[str, "Trained"])
    """Networks of a bag, by the name of their folder."""


class Format(Component):
    """A form in which a network is exported."""

    @abstractmethod
    def write(self, trained: Trained, folder: Path) -> None:
        """Write a network to a folder, which is there and empty.

        Raises:
            OSError: It can't be written.
        """
