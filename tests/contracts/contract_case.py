"""What a row of the contracts is, and the tensors that layers are shown."""

from __future__ import annotations

from dataclasses import dataclass

from nntrain.specs import IMAGE, NODES, RAGGED, SEQUENCE, TOKENS, VECTOR, VOLUME, Spec

NUMBER = Spec((), ())
CATEGORY = Spec((), (), kind="index", classes=5)
ROW = Spec(VECTOR, (6,))
SERIES = Spec(SEQUENCE, (RAGGED, 6))
STEPS = Spec(SEQUENCE, (8, 6))
PHOTO = Spec(IMAGE, (4, 9, 7))
SCAN = Spec(VOLUME, (4, 5, 6, 7))
TEXT = Spec(TOKENS, (RAGGED,), kind="index", classes=11)
ATOMS = Spec(NODES, (RAGGED, 6))

PROBES = (NUMBER, CATEGORY, ROW, SERIES, STEPS, PHOTO, SCAN, TEXT, ATOMS)
"""What any layer may meet: it refuses it in words, or gives what its spec says."""


@dataclass(frozen=True)
class Case:
    """A layer as a config has it, and a spec that it takes."""

    written: str | dict[str, object]
    spec: Spec
    stands_for: str | None = None
    """The tag that this row is about, where that can only be shown within another layer (a merge within a sequential)."""
    takes_all: bool = False
    """Whether it takes any tensor of numbers (an activation); every other layer refuses some of `PROBES`."""
    is_random: bool = False
    """Whether training draws numbers, so that two passes differ (dropout)."""
    mixes_rows: bool = False
    """Whether rows see each other in training (batch norm)."""

    @property
    def is_padded(self) -> bool:
        """Whether shorter rows of a batch are padded; nodes of graphs are not."""
        return self.spec.is_ragged and not self.spec.has_nodes

    @property
    def tag(self) -> str:
        """The type of what is written."""
        return self.written if isinstance(self.written, str) else str(next(iter(self.written)))

    def __str__(self) -> str:
        options = "" if isinstance(self.written, str) else f" {self.written[self.tag]}".replace("'", "")
        return f"{self.tag}{options} on {self.spec}"
