"""One field of a run in one role, before and after it is fitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nntrain.data.fields.field import Field, Role
from nntrain.specs import Spec

if TYPE_CHECKING:
    from nntrain.data.header import Header
    from nntrain.data.row_steps import RowSteps


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """One field in one role."""

    name: str
    field: Field
    """Its settings, with everything that was inferred filled in."""
    columns: tuple[str, ...]
    """The columns or arrays that it is made of, in the order of the file."""
    role: Role
    note: str | None
    """What was inferred, and the line that changes it: `category (5 values)   change: type: number`."""
    spec: Spec
    """The tensor; with unknown sizes where only fitting tells."""
    classes: tuple[str, ...] = ()
    """Names of the classes, where they are known already."""
    to_text: Callable[[Sequence[int]], str] | None = dataclasses.field(default=None, repr=False, compare=False)
    """The text of some tokens of a target, once it is fitted; `None` for what is no text."""
    task: str | None = None
    """Tag of the task that the way its rows are cut makes of a target; `None` where its field or the source says it."""
    together: tuple[str, ...] = ()
    """Names of the fields that are one target together; empty for a field by itself."""
    of_nodes: bool = False
    """Whether each node of a graph has a value of its own."""

    @property
    def written(self) -> str:
        """The field by which the config names it; the first of several that are one target."""
        return self.together[0] if self.together else self.name

    def with_spec(self, spec: Spec) -> FieldPlan:
        """With another tensor of a row; of a node, where each has a value."""
        return dataclasses.replace(self, spec=spec.for_nodes() if self.of_nodes else spec)


def first_steps(plans: Sequence[FieldPlan], header: Header) -> RowSteps | None:
    """How long the first rows are, where a target is a sequence."""
    if not any(plan.role == "target" and plan.spec.axes for plan in plans):
        return None
    from nntrain.data.row_steps import RowSteps, Tokens

    found = {(plan.role, plan.name): plan.field.first_steps([header.column(name) for name in plan.columns]) for plan in plans}
    known = {place: steps for place, steps in found.items() if steps is not None}
    return RowSteps(
        {name: [steps] for (role, name), steps in known.items() if role == "input"},
        {name: [Tokens(steps, 0)] for (role, name), steps in known.items() if role == "target"},
    )
