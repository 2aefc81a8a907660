"""What batches of rows of similar length need of the data. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nntrain.errors import Problem

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.settings import DataSettings


def bucket_problems(settings: DataSettings, plans: Sequence[FieldPlan], *, has_all_columns: bool) -> Iterator[Problem]:
    """Rows that all have one length, and batches that have all rows.

    Args:
        settings: The data section.
        plans: Its fields.
        has_all_columns: Whether these are all fields: without a look at the data they may not be.
    """
    batch = settings.batch
    if batch is None or not (batch.bucket or batch.tokens is not None):
        return
    option = "bucket" if batch.tokens is None else "tokens"
    path = ("data", "batch", option)
    ragged = [plan for plan in plans if plan.role == "input" and plan.spec.is_ragged and not plan.of_nodes]
    if settings.window is not None:
        yield Problem(path, "has no effect: windows all have one length", f"remove {option}", on_key=True)
    elif not ragged and has_all_columns:
        inputs = ", ".join(f"{plan.name} ({plan.field.type})" for plan in plans if plan.role == "input")
        message = f"has no effect: no input has rows of different lengths; inputs: {inputs or 'none'}"
        yield Problem(path, message, f"remove {option}; texts, sounds and series of different lengths have them", on_key=True)
    elif batch.tokens is None and settings.batch_size == "full":
        yield Problem(path, "has no effect with batch_size: full, which has all rows in one batch", "fix:  batch_size: 64", on_key=True)
    elif batch.tokens is not None and settings.batch_size != type(settings).model_fields["batch_size"].default:
        message = "has no effect beside data.batch.tokens, which says how large a batch is"
        yield Problem(("data", "batch_size"), message, "remove one of the two", on_key=True)
