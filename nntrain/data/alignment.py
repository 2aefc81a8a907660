"""Fields that have a value for each step of another field: tags beside the tokens of a text, or the shapes of its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nntrain.data.fields.field import Encoded, Field
from nntrain.data.table import Table
from nntrain.errors import DataError, Problem
from nntrain.nearest import nearest

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.fields.field import Array
    from nntrain.data.naming import NamedField


def alignment_problems(plans: Sequence[FieldPlan], named: Sequence[NamedField]) -> list[Problem]:
    """Fields beside one that is no input whose rows have steps, or that is beside another one itself."""
    keys = {field.name: field.key or field.name for field in named}
    inputs = [plan.name for plan in plans if plan.role == "input" and plan.spec.is_ragged and plan.field.beside is None]
    chained = {plan.name: plan.field.beside for plan in plans if plan.role == "input"}
    lost = [(plan.name, plan.field.beside) for plan in plans if plan.field.beside not in (None, *inputs)]
    problems: list[Problem] = []
    for name, other in lost:
        if (first := chained.get(str(other))) is not None:
            same = "itself" if other == name else f"{other}, which is beside {first}"
            hint = f"fix:  of: {first}" if other != name else f"one of: {', '.join(inputs)}" if inputs else None
            problems.append(Problem(("data", "fields", keys[name], "of"), f"is beside {same}", hint))
            continue
        near = nearest(str(other), inputs, cutoff=0.5)
        others = f"one of: {', '.join(inputs)}" if inputs else f"fix:  {other}: {{type: text, tokenizer: space}}"
        hint = f"nearest: {near[0]}" if near else others
        problems.append(Problem(("data", "fields", keys[name], "of"), f"no input {other!r} that has steps", hint))
    return problems


def inputs_beside(plans: Sequence[FieldPlan]) -> dict[str, str]:
    """Inputs that have as many steps as another one, and that one."""
    found = {plan.name: plan.field.beside for plan in plans if plan.role == "input"}
    return {name: other for name, other in found.items() if other is not None}


def aligned(
    fields: Sequence[tuple[str, Field]], encoded: Mapping[tuple[str, str], Encoded], table: Table, rows: Array
) -> dict[tuple[str, str], Encoded]:
    """Encoded fields in which those beside others have as many values; a field that was cut to `max_length` has them cut as well.

    Args:
        fields: The fields by name.
        encoded: Numbers of some rows, by role and field.
        table: Where they come from, for messages.
        rows: The rows, `[M]`.

    Raises:
        DataError: A row has another number of values than of steps.
    """
    found = dict(encoded)
    by_name = dict(fields)
    for (role, name), own in encoded.items():
        other = by_name[name].beside
        if other is None or own.lengths is None or ("input", other) not in encoded:
            continue
        steps = encoded["input", other].lengths
        assert steps is not None, other
        limit = getattr(by_name[other], "max_length", None)
        lengths = own.lengths if limit is None else own.lengths.clip(max=limit)
        is_there = (own.lengths > 0) | (role == "input")  # a row without a target is left out, and told, elsewhere
        wrong = (lengths != steps) & is_there
        if wrong.any():
            first = int(wrong.nonzero()[0][0])
            more = f" and {int(wrong.sum()) - 1:,} rows more" if wrong.sum() > 1 else ""
            what = "tokens" if role == "input" else "values"
            fix = f"one for each token: data.fields.{other}: {{type: text, tokenizer: space}} takes what stands between blanks"
            if role == "input":
                fix = f"one for each token of {other}: the same tokenizer, and no replace that makes two tokens of one, or none"
            raise DataError(
                f"{table.name}: {table.place(int(rows[first]))}{more}: {name} has {int(own.lengths[first]):,} {what}, "
                f"and {other} {int(steps[first]):,} tokens",
                fix,
            )
        found[role, name] = replace(own, values=_heads(own.values, own.lengths, lengths), lengths=lengths)
    return found


def _heads(values: Array, lengths: Array, kept: Array) -> Array:
    """The first values of each row, of values one row after another."""
    from nntrain.data.consecutive import places_within

    if (lengths == kept).all():
        return values
    return values[places_within(lengths) < kept.repeat(lengths)]
