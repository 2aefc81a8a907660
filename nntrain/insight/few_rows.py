"""What is there too seldom to be measured, or to be learned: test rows, rows of a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from nntrain.insight.suspicion import Suspicion
from nntrain.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nntrain.data.preparing import Prepared

FEW_HELD: Final = 20
"""Rows on which a figure says hardly anything: a share of them has an interval of ± 0.2."""
FEW_OF_CLASS: Final = 10
"""Rows of a class of which a test part has about one."""
MOST_CLASSES: Final = 20
"""Classes above which some are always rare, or are meant to be."""
LEAST_ROWS: Final = 100
"""Rows below which all classes are rare."""


def find_few(prepared: Prepared, *, is_bag: bool = False) -> list[Suspicion]:
    """Look at how many rows there are of what is measured, and of each class.

    Args:
        prepared: The data of a run; only rows that stand for themselves are counted.
        is_bag: Whether several networks are trained on parts of the rows.
    """
    if not prepared.fields.stand_alone:
        return []
    test = [] if prepared.test is None else [*_few_held(len(prepared.test), is_bag=is_bag)]
    return [*test, *_few_of_class(prepared)]


def _few_held(rows: int, *, is_bag: bool) -> Iterator[Suspicion]:
    if rows >= FEW_HELD:
        return
    folds = "" if is_bag else ", or nntrain fit --folds 5 tests on all"
    sentence = f"{number_of(rows, 'test row')}: figures on so few say hardly anything; data.split.test sets more of them apart{folds}"
    yield Suspicion("few", "test", {"rows": float(rows)}, sentence)


def _few_of_class(prepared: Prepared) -> Iterator[Suspicion]:
    import torch

    from nntrain.modules.narrow import class_counts

    for name, target in prepared.fields.targets.items():
        goals = [data.targets[name] for data in prepared.splits.values() if name in data.targets]
        if not 2 <= len(target.classes) <= MOST_CLASSES or not goals or goals[0].ndim != 1:
            continue
        counts = cast("list[int]", torch.stack([class_counts(goal, len(target.classes)) for goal in goals]).sum(0).tolist())
        if sum(counts) < LEAST_ROWS:
            continue
        for label, count in zip(target.classes, counts, strict=True):
            if 0 < count < FEW_OF_CLASS:
                sentence = (
                    f"{name}: {label} has {number_of(count, 'row')}, too few to be learned or measured: leave them out of the file, or join"
                    " it with another class"
                )
                yield Suspicion("few", label, {"rows": float(count)}, sentence)
