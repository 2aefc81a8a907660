"""The base of families: recipes that become layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from nntrain.architectures.architecture import Architecture
from nntrain.layers.layer import Layer
from nntrain.specs import SEQUENCE

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope
    from nntrain.specs import Spec


class Family(Architecture):
    """A recipe for layers. It gives features; the output layer is the task's."""

    is_recipe: ClassVar[bool] = True
    reads_images: ClassVar[bool] = False
    """Whether images go in, whose size, channels and normalisation come with a trained one."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        """Become layers.

        Args:
            context: Dropout and norm, which each family places as its paper does, and what is known of the targets.
            spec: What the first layer gets.

        Raises:
            SpecError: The family has no place for such an input.
        """
        raise NotImplementedError

    def place(self, scope: Scope, value: Value) -> Value:
        has_steps = [need.axes == SEQUENCE and name not in scope.draft.ahead for name, need in scope.needs.items()]
        is_of_numbers = bool(scope.needs) and all(need.kind == "float" for need in scope.needs.values())
        context = replace(scope.context, is_of_numbers=is_of_numbers, keeps_steps=bool(has_steps) and all(has_steps))
        return scope.starting(self.initial()).sequence(self.expand(context, value.spec), value)
