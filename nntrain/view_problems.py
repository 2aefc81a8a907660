"""Further views of rows (`test_augment`), beside what is predicted of them. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from nntrain.data.field_plan import FieldPlan
from nntrain.errors import Problem, YamlPath
from nntrain.specs import MASK
from nntrain.targets import TargetPlan


def view_problems(plans: Sequence[FieldPlan], targets: Mapping[str, TargetPlan]) -> Iterator[Problem]:
    """Views of which predictions have no mean, or whose pixels can't be moved back.

    Args:
        plans: The fields.
        targets: What is predicted.
    """
    viewed = [plan for plan in plans if plan.role == "input" and plan.field.views]
    for plan in viewed:
        path = ("data", "fields", plan.written, "test_augment")
        why = next(filter(None, map(_unaveraged, targets.values())), None)
        if why is not None:
            yield Problem(path, why, "leave test_augment out", on_key=True)
            continue
        for target in targets.values():
            if target.target.spec.axes[-2:] == MASK:
                yield from _unreturned(plan, target, path)
    maps = [name for name, target in targets.items() if target.target.spec.axes[-2:] == MASK]
    moving = [plan for plan in viewed if any(change.moves for view in plan.field.views for change in view)]
    for plan in moving[1:] if maps else ():
        message = f"moves pixels, and so does that of {moving[0].name}: {maps[0]} belongs to the pixels of both"
        yield Problem(("data", "fields", plan.written, "test_augment"), message, "move one of them alone", on_key=True)


def _unaveraged(plan: TargetPlan) -> str | None:
    """Why there is no mean over views of what is predicted of a row."""
    task = plan.task
    if not task.supervised or not task.predicts:
        return f"has no effect: {task.type} predicts nothing of a row"
    if task.times_shown > 1:
        # further views are of the image as it is: each of the repeats would be averaged with the same ones, and be found by these
        return f"would make the {task.times_shown} random views of a row alike, which {task.type} is measured by"
    return None if task.unaveraged is None else f"has no effect: {task.type} {task.unaveraged}"


def _unreturned(plan: FieldPlan, target: TargetPlan, path: YamlPath) -> Iterator[Problem]:
    """Changes that move pixels, beside a target with something for each pixel."""
    sizes, wanted = plan.spec.sizes[-2:], target.target.spec.sizes[-2:]
    known = all(isinstance(size, int) for size in (*sizes, *wanted))
    for place, view in enumerate(plan.field.views):
        moving = [change for change in view if change.moves]
        stuck = next((change for change in moving if not change.returns), None)
        name = target.target.name
        if stuck is not None:
            message = f"{stuck.type} moves pixels and can't bring back what is predicted of them, as {name} needs"
            yield Problem((*path, place), message, "a view that doesn't move pixels, or flip")
        elif moving and known and sizes != wanted:
            shown, other = (" x ".join(map(str, pair)) for pair in (sizes, wanted))
            message = f"{moving[0].type} moves pixels of {plan.name} ({shown}), and {name} has others ({other})"
            yield Problem((*path, place), message, "one size for both")
