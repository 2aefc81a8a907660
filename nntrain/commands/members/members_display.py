"""What `fit` shows of members that are trained at once: one position, the means of their metrics, and on a terminal a line for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from nntrain.commands.screens.display import Display, MemberLine, Position
from nntrain.commands.screens.figures import format_number


@dataclass(slots=True)
class MembersDisplay:
    """Gathers what members report at a step."""

    display: Display
    kind: str
    """What they are: `seeds`."""
    _evaluations: dict[str, _Evaluation] = field(default_factory=dict[str, "_Evaluation"])
    _lines: dict[str, MemberLine] = field(default_factory=dict[str, MemberLine])
    """Where each stands, those included that have stopped."""
    _members: int = 0
    _left: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Who has stopped since the last step that was shown, and why."""

    def of(self, word: str) -> Display:
        """The display of one member: `seed 0`."""
        self._members += 1
        return _MemberDisplay(self, word)

    def note(self, word: str, text: str) -> None:
        """Print what a member has to say."""
        self.display.note("\n".join(f"{word}: {line}" for line in text.split("\n")))

    def advance(self, position: Position) -> None:
        """Show where the members stand; they keep step."""
        self.display.advance(replace(position, rows_per_s=position.rows_per_s * self._members, loss=None))

    def report(self, word: str, evaluation: _Evaluation) -> None:
        """Keep a member's evaluation until the others have theirs."""
        self._evaluations[word] = evaluation
        value = evaluation.metrics.get(evaluation.monitor)
        self._lines[word] = MemberLine(word, evaluation.epoch, value, evaluation.best_value, evaluation.best_epoch)

    def leave(self, word: str, reason: str, best_at: str) -> None:
        """A member has stopped."""
        self._left.append((word, f"stopped, {reason}{best_at}"))
        if word in self._lines:
            self._lines[word] = replace(self._lines[word], stopped=reason)

    def show(self) -> None:
        """Show what the members have reported at a step, and who stops at it while others go on."""
        found, self._evaluations = list(self._evaluations.values()), {}
        if not found:
            return
        first = found[0]
        means = {name: _mean([each.metrics.get(name) for each in found]) for name in first.metrics}
        values = [value for each in found if (value := each.metrics.get(first.monitor)) is not None]
        spread = f", {format_number(min(values))} to {format_number(max(values))}" if len(values) > 1 else ""
        self.display.told = f"mean of {len(found)} {self.kind}{spread}" if len(found) > 1 else f"the last of the {self.kind}"
        self.display.members = tuple(self._lines.values())
        self.display.report(first.epoch, first.step, means, first.monitor, None, None)
        self._members -= len(self._left)
        for word, text in self._left if self._members else ():
            self.note(word, text)
        self._left = []


@dataclass(frozen=True, slots=True)
class _Evaluation:
    epoch: int
    step: int
    metrics: Mapping[str, float | None]
    monitor: str
    best_value: float | None
    best_epoch: int | None


class _MemberDisplay(Display):
    """Hands on what one member shows."""

    def __init__(self, members: MembersDisplay, word: str) -> None:
        super().__init__(quiet=True)
        self._members = members
        self._word = word

    @property
    def is_due(self) -> bool:
        return self._members.display.is_due

    def note(self, text: str) -> None:
        self._members.note(self._word, text)

    def event(self, kind: str, facts: Mapping[str, Any]) -> None:
        self._members.display.event(kind, facts)

    def advise(self, line: str | None) -> None:
        self._members.display.advise(None if line is None else f"{self._word}: {line}")

    def advance(self, position: Position) -> None:
        self._members.advance(position)

    def report(  # as of any display
        self,
        epoch: int,
        step: int,
        metrics: Mapping[str, float | None],
        monitor: str,
        best_value: float | None,
        best_epoch: int | None,
    ) -> None:
        self._members.report(self._word, _Evaluation(epoch, step, metrics, monitor, best_value, best_epoch))


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
