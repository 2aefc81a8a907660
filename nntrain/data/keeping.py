"""Fields that know what those of another run have learned: scalers, vocabularies, classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.fields.field import State
    from nntrain.data.fitted import FittedField

READING_ONLY: Final = frozenset({"role", "column", "columns", "augment", "classes"})
"""Options that have no part in what numbers mean."""


@dataclass(frozen=True, slots=True)
class KeptFields:
    """What the fields of a run have learned, by role and name."""

    source: str
    """The run."""
    saved: Mapping[tuple[str, str], Mapping[str, Any]]

    @classmethod
    def of(cls, source: str, tree: Sequence[Mapping[str, Any]]) -> KeptFields:
        """From what `FittedFields.state` gives."""
        return cls(source, {(str(field["role"]), str(field["name"])): field for field in tree})

    def tree(self) -> list[Mapping[str, Any]]:
        """Undo `of`."""
        return list(self.saved.values())

    def state(self, plan: FieldPlan, own: State) -> State:
        """What a field learned there; what it has learned from its own rows where that can't be taken."""
        return own if self.obstacle(plan, own) is not None else dict(self.saved[plan.role, plan.name]["learned"])

    def obstacle(self, plan: FieldPlan, own: State) -> str | None:
        """Why what a field learned there can't be taken; `None` where it can."""
        saved = self.saved.get((plan.role, plan.name))
        if saved is None or plan.role not in {"input", "target"}:
            return f"it has no such {plan.role}"
        settings, mine = saved["settings"], plan.field.model_dump(mode="json")
        if settings["type"] != mine["type"]:
            return f"a {settings['type']} there"
        names = {*settings, *mine} - READING_ONLY
        other = sorted(name for name in names if settings.get(name) != mine.get(name))
        if other:
            return f"another {', '.join(other)} there"
        learned = saved["learned"]
        if own.get("sizes") != learned.get("sizes"):
            return "other sizes there"
        shown = [name for name in own.get("classes", ()) if name not in learned["classes"]] if plan.role == "target" else []
        return f"training rows show {_listed(shown)}, which it has not" if shown else None

    def notes(self, fields: Sequence[FittedField]) -> list[str]:
        """What was kept and what was not, for the screen."""
        asked = [(field.plan, self.obstacle(field.plan, field.state)) for field in fields if field.plan.role in {"input", "target"}]
        kept = [plan.name for plan, obstacle in asked if obstacle is None]
        own = [f"{plan.name} ({obstacle})" for plan, obstacle in asked if obstacle is not None]
        told = [f"as in {self.source}: {', '.join(dict.fromkeys(kept))}"] if kept else []
        told += [f"fitted here: {', '.join(dict.fromkeys(own))}"] if own else []
        return [f"fields   {'; '.join(told)}"] if told else []


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
