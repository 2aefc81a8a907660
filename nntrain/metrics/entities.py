"""Metrics of entities, such as names, in sequences of tags: an entity counts where its steps and its kind are exactly right."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field

from nntrain.errors import SpecError
from nntrain.losses.loss import TargetKind
from nntrain.metrics.metric import Metric, MetricInfo, MetricState
from nntrain.nearest import nearest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

OUTSIDE: Final = "O"
"""Tag of a step that belongs to no entity."""

_TAG: Final = re.compile(r"([BIESLU])(?:-(.+))?")


class OfEntities(Metric):
    """A number of the entities that were found, that were predicted and that there are."""

    fits: ClassVar[frozenset[TargetKind]] = frozenset({"classes"})
    by_row: ClassVar[bool] = True

    class_: Annotated[str | None, Field(alias="class")] = None
    """The kind of entities that it is of: `person`. Default: all of them together (micro)."""

    def share(self, found: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        """The number from three counts of one shape; NaN where it is undefined."""
        raise NotImplementedError

    def check(self, info: MetricInfo) -> None:
        if info.unit_axis != "time":
            raise SpecError("needs a tag for each step", "fix:  accuracy, f1")
        if not info.classes:
            return
        other = next((name for name in info.classes if tag_parts(name) is None), None)
        if other is not None or OUTSIDE not in info.classes:
            found = f"{other!r} is none" if other is not None else "there is no O"
            raise SpecError(f"needs tags such as O, B-person, I-person; {found}", "fix:  accuracy, f1")
        kinds = entity_kinds(info.classes)
        if self.class_ is not None and self.class_ not in kinds:
            near = nearest(self.class_, kinds, cutoff=0.5)
            raise SpecError(f"no kind {self.class_!r}. The kinds are {', '.join(kinds)}", f"fix:  class: {near[0]}" if near else None)

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        from nntrain.modules.entities import EntityTags
        from nntrain.modules.metrics import OfSums

        tags = EntityTags.of([tag_parts(name) for name in info.classes])
        chosen = slice(None) if self.class_ is None else slice(place := entity_kinds(info.classes).index(self.class_), place + 1)

        def rows(prediction: Tensor, target: Tensor) -> Tensor:
            return tags.count(prediction.argmax(dim=-1), target)[:, :, chosen].sum(dim=2)

        return OfSums(rows, lambda sums: self.share(*sums.unbind(dim=1)))


class EntityF1(OfEntities):
    """Harmonic mean of entity_precision and entity_recall over all entities: a kind counts by how often it occurs.

    An entity begins at a tag B (or S, U), and where a tag I stands behind another kind or behind none: as conlleval and seqeval count
    (Ramshaw and Marcus 1995; Tjong Kim Sang and De Meulder 2003).
    """

    type: Literal["entity_f1"] = "entity_f1"

    def share(self, found: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return 2 * found / (predicted + actual)


class EntityPrecision(OfEntities):
    """Share of the predicted entities that are there, with exactly these steps and this kind; counted as in entity_f1."""

    type: Literal["entity_precision"] = "entity_precision"

    def share(self, found: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return found / predicted


class EntityRecall(OfEntities):
    """Share of the entities that were found, with exactly their steps and their kind; counted as in entity_f1."""

    type: Literal["entity_recall"] = "entity_recall"

    def share(self, found: Tensor, predicted: Tensor, actual: Tensor) -> Tensor:
        return found / actual


def tag_parts(name: str) -> tuple[str, str] | None:
    """Letter and kind of a tag: `B` and `person` of `B-person`; `None` where it is no tag of entities."""
    if name == OUTSIDE:
        return OUTSIDE, ""
    found = _TAG.fullmatch(name)
    return None if found is None else (found[1], found[2] or "")


def are_entity_tags(classes: Sequence[str]) -> bool:
    """Whether all names are tags of entities, and one of them is that of the outside."""
    return OUTSIDE in classes and None not in map(tag_parts, classes)


def entity_kinds(classes: Sequence[str]) -> tuple[str, ...]:
    """Kinds of the entities that tags name, by alphabet."""
    parts = [part for part in map(tag_parts, classes) if part is not None]
    return tuple(sorted({kind for letter, kind in parts if letter != OUTSIDE}))
