"""Texts among the other fields: columns that nobody named, and vocabularies that several share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nntrain.data.fields.field import Role
from nntrain.data.inference import Guess
from nntrain.errors import Problem, SpecError

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.naming import NamedField


def without_unasked(named: Sequence[NamedField], guesses: Mapping[str, Guess | None]) -> dict[str, Guess | None]:
    """Guesses in which a text that the config doesn't name is left out beside other inputs, with which it makes no single tensor."""
    has_others = any("input" in field.roles and not _is_extra(guesses[field.name]) for field in named)
    return {field.name: _left_out(field) if has_others and _is_unasked(field, guesses) else guesses[field.name] for field in named}


def with_shared(plans: Sequence[FieldPlan], named: Sequence[NamedField], problems: list[Problem]) -> list[FieldPlan]:
    """Plans in which fields that share what they learn have the same options; `problems` says where they don't go together."""
    keys = {field.name: field.key or field.name for field in named}
    return [_shared(plan, plans, keys[plan.name], problems) if plan.field.shares is not None else plan for plan in plans]


def own_answer(named: list[NamedField]) -> list[NamedField]:
    """Fields in which the only one, a text without a target beside it, is its own answer: its next tokens are predicted."""
    if len(named) != 1 or named[0].field.type != "text" or named[0].roles != frozenset[Role]({"input"}):
        return named
    only = named[0]
    both = frozenset[Role]({"input", "target"})
    return [replace(only, field=only.field.model_copy(update={"role": ("input", "target")}), roles=both)]


def _is_text(guess: Guess | None) -> bool:
    return guess is not None and guess.field is not None and guess.field.type == "text"


def _is_extra(guess: Guess | None) -> bool:
    """Whether a column is no input beside which a text is left out: left out itself, or a text."""
    return guess is not None and (guess.field is None or _is_text(guess))


def _is_unasked(field: NamedField, guesses: Mapping[str, Guess | None]) -> bool:
    return not field.is_named and _is_text(guesses[field.name])


def _left_out(field: NamedField) -> Guess:
    return Guess(None, f"a text beside other inputs; to read it: fields: {{{field.name}: text}}")


def _shared(plan: FieldPlan, plans: Sequence[FieldPlan], key: str, problems: list[Problem]) -> FieldPlan:
    path = ("data", "fields", key, "like")
    others = {each.name: each.field for each in plans if each.name != plan.name}
    shared = plan.field.shares
    if shared not in others:
        names = [name for name, field in others.items() if field.type == plan.field.type]
        problems.append(Problem(path, f"no other {plan.field.type} field {shared!r}", f"one of: {', '.join(names)}" if names else None))
        return plan
    try:
        return replace(plan, field=plan.field.sharing(others[shared]))
    except SpecError as error:
        problems.append(Problem(path, error.message, error.hint))
        return plan
