"""Windows over a running text, as the settings say them. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nntrain.errors import Problem
from nntrain.specs import TOKENS, Spec
from nntrain.wording import with_article

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.settings import DataSettings


_OF_ROWS: Final[dict[str, object]] = {"horizon": 1, "gap": 0, "step": 1, "targets": None, "past_from": "split", "season": None}
"""Options of windows over rows of numbers, and their defaults."""


@dataclass(frozen=True, slots=True)
class Passages:
    """How windows are cut from a text."""

    steps: int
    """Tokens of a window, T."""
    stride: int
    """Tokens from where a training window may begin to where the next may."""

    @classmethod
    def of(cls, settings: DataSettings) -> Passages | None:
        """Those of a source that is a running text."""
        if not settings.source.is_running_text or settings.window is None:
            return None
        return cls(settings.window.past, settings.window.stride)

    def spec(self, spec: Spec) -> Spec:
        """Tokens of a text as those of a window."""
        return replace(spec, sizes=(self.steps,)) if spec.axes == TOKENS else spec

    def planned(self, plans: Sequence[FieldPlan]) -> list[FieldPlan]:
        """Plans of fields whose rows are windows."""
        return [replace(plan, spec=self.spec(plan.spec)) for plan in plans]


def passage_problems(settings: DataSettings, plans: Sequence[FieldPlan]) -> Iterator[Problem]:
    """What does not go together with a running text."""
    if settings.window is None:
        message = "a running text needs windows: how many tokens does the network see at once?"
        yield Problem(("data",), message, "fix:  window: 64")
        return
    for option, meant in _OF_ROWS.items():
        if getattr(settings.window, option) != meant:
            yield Problem(("data", "window", option), "has no effect: a window of a text predicts each of its next tokens", "remove it")
    if settings.window.stride > settings.window.past:
        message = f"{settings.window.stride} tokens leave some out between windows of {settings.window.past}"
        yield Problem(("data", "window", "stride"), message, f"fix:  stride: {settings.window.past}, or fewer")
    if settings.split.by not in (None, "time", "given"):
        message = f"{settings.split.by} splits rows, and a running text is split by place: its beginning trains"
        yield Problem(("data", "split", "by"), message, "remove it")
    if settings.split.folds is not None:
        yield Problem(("data", "split", "folds"), "cuts rows, and a running text has none", "remove it", on_key=True)
    if settings.split.validation_folds is not None:
        yield Problem(("data", "split", "validation_folds"), "cuts rows, and a running text has none", "remove it", on_key=True)
    for plan in plans:
        yield from _field_problems(plan)


def _field_problems(plan: FieldPlan) -> Iterator[Problem]:
    path = ("data", "fields", plan.name)
    if plan.field.type != "text":
        yield Problem(path, f"is {with_article(plan.field.type)}, and a running text has one field, text", "fix:  type: text")
    elif plan.role == "target" and not {"input", "target"} <= plan.field.role_set:
        message = "is a target and no input: the next tokens are predicted from those before"
        yield Problem(path, message, "fix:  role: [input, target]")
    elif plan.role == "input" and getattr(plan.field, "max_length", None) is not None:
        yield Problem((*path, "max_length"), "has no effect: data.window says how long windows are", "remove it")
