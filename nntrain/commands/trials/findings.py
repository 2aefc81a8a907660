"""What `check --run` has found out about a config, a finding a trial. Torch-free."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Job

WIDTH: Final = 80
LABEL_WIDTH: Final = 12


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What one trial has found."""

    label: str
    """A word that stands before it, and its key in JSON."""
    text: str
    """In words; several lines, where there is a drawing."""
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The same as numbers."""
    is_warning: bool = False
    """Whether it is probably not meant."""

    def as_json(self) -> dict[str, Any]:
        """Numbers, what is said of them, and whether that is a warning."""
        return {**self.facts, "told": self.text, "warning": self.is_warning}


def told(findings: Sequence[TrialResult]) -> str:
    """All findings, one below the other; a warning has a `!` in front of it."""
    lines: list[str] = []
    for finding in findings:
        label = f"{'!' if finding.is_warning else ' '} {finding.label}"
        for line in finding.text.splitlines():
            for part in textwrap.wrap(line, WIDTH - LABEL_WIDTH, break_long_words=False, break_on_hyphens=False):
                lines.append(f"{label:<{LABEL_WIDTH}}{part}")
                label = ""
    return "\n".join(lines)


def why_no_loss(job: Job) -> str | None:
    """Why the loss of a step says nothing about how well the network learns; `None` where it is what is minimised."""
    protocol = job.blueprint.protocol
    if protocol.metrics is None:
        return None
    return f"a step of {protocol.type} has no loss that falls as the network learns"
