"""Merges: the stream and points named elsewhere become one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis, need_numbers
from nntrain.specs import RAGGED, VECTOR, Size, Spec, compute

if TYPE_CHECKING:
    from torch import nn

    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope

Names = str | tuple[str, ...]


class Merge(Layer):
    """Joins the stream with named points, stream first. A row of numbers [B, C] meeting an image or sequence is repeated over it."""

    main: ClassVar[str | None] = "points"
    is_pair: ClassVar[bool] = False
    """Whether it takes two tensors and no more."""
    aligned: ClassVar[bool] = True
    """Whether steps that stand at one place are joined, so that sequences must have the same lengths."""

    points: Names | None = None
    """Names of the points that join the stream; patterns such as `skip*` are allowed."""
    from_: Names | None = Field(default=None, alias="from")
    """Names of the points that are joined without the stream."""

    def reads(self) -> tuple[str, ...]:
        return (*_names(self.from_), *_names(self.points))

    def place(self, scope: Scope, value: Value) -> Value:
        stream = [] if self.from_ is not None else [value]
        return self.join(scope, [*stream, *scope.read(self.reads())])

    def join(self, scope: Scope, values: Sequence[Value]) -> Value:
        """Add the step that joins some values.

        Raises:
            SpecError: There are fewer than two, or the lengths of sequences differ.
            UnplacedError: They do not fit together; the problem is noted.
        """
        if len(values) == 1 and (names := scope.joined_before(values[0])):
            several = f"`from` with several has joined {' and '.join(names)} already"
            fix = "leave concat out" if self.type == "concat" else f"write the node as  {{{self.type}: [{', '.join(names)}]}}"
            raise SpecError(f"gets one tensor: {several}", hint=fix)
        if len(values) < 2:
            found = "one" if values else "none"
            raise SpecError(f"joins two tensors or more and gets {found}", hint=f"name what it joins: - {self.type}: NAME")
        if self.is_pair and len(values) > 2:
            raise SpecError(f"joins two tensors and gets {len(values)}", hint="name the two of them")
        lengths = dict.fromkeys(value.lengths for value in values if value.lengths is not None)
        if self.aligned and len(lengths) > 1:
            what = "joins sequences of equal lengths, and these come from different fields or were shortened differently"
            raise SpecError(what, hint=_beside(scope, [each.field for each in lengths]))
        return scope.add(self, *values)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        """Shape rule: every size but that of the joined axis must agree.

        Raises:
            SpecError: Sizes differ, or the tensors are not of one kind.
        """
        specs = (spec, *side)
        for each in specs:
            need_numbers(each)
        widest = max(specs, key=lambda each: each.rank)
        for each in specs:
            if each.axes != widest.axes and (each.axes != VECTOR or widest.is_packed):
                raise SpecError(f"joins tensors of one kind, and gets {widest.describe()} and {each.describe()}")
        return self.joined(widest, [spread(each, widest) for each in specs])

    def joined(self, widest: Spec, specs: Sequence[Spec]) -> Spec:
        """What comes out of tensors with the same axes.

        Raises:
            SpecError: They cannot be joined.
        """
        raise NotImplementedError


class Concat(Merge):
    """Puts tensors one after another along the channel or feature axis: [B, F1], [B, F2] -> [B, F1 + F2]."""

    type: Literal["concat"] = "concat"
    axis: Literal["feature", "time"] = "feature"
    """`time` puts sequences one after another instead."""

    @property
    def looks_ahead(self) -> bool:
        """One that stands behind another one is no part of its past."""
        return self.axis == "time"

    def joined(self, widest: Spec, specs: Sequence[Spec]) -> Spec:
        joined = self._axis(widest)
        if widest.size(joined) == RAGGED:
            raise SpecError(f"joins along an axis of one length, and gets {widest.describe()}")
        for axis in widest.axes:
            if axis != joined:
                agree(specs, axis)
        total = compute(lambda *sizes: sum(sizes), *(each.size(joined) for each in specs))
        return Spec(widest.axes, widest.sizes).with_sizes(**{joined: total})

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.merging import Concatenate

        widest = max((spec, *side), key=lambda each: each.rank)
        return Concatenate(widest.dim(self._axis(widest)), missing_axes(widest, (spec, *side)))

    def _axis(self, widest: Spec) -> str:
        return "time" if self.axis == "time" else channel_axis(widest)


def agree(specs: Sequence[Spec], axis: str) -> Size:
    """The one size that an axis has in all tensors.

    Raises:
        SpecError: Sizes differ.
    """
    sizes = [spec.size(axis) for spec in specs]
    fixed = [size for size in sizes if isinstance(size, int)]
    if len(set(fixed)) > 1 or (fixed and RAGGED in sizes):
        shapes = " and ".join(dict.fromkeys(str(spec) for spec in specs))
        raise SpecError(f"joins tensors whose {axis} sizes agree, and gets {shapes}")
    return RAGGED if RAGGED in sizes else next(iter(fixed), sizes[0])


def spread(spec: Spec, widest: Spec) -> Spec:
    """A row of numbers as a tensor that has it at every step or pixel."""
    if spec.axes == widest.axes:
        return spec
    return widest.with_sizes(**{channel_axis(widest): spec.sizes[0]})


def missing_axes(widest: Spec, specs: Sequence[Spec]) -> tuple[tuple[int, ...], ...]:
    """For each tensor the axes (batch is 0) that it lacks beside the widest one."""
    kept = channel_axis(widest) if widest.rank > 1 else widest.axes[0]
    missing = tuple(1 + index for index, axis in enumerate(widest.axes) if axis != kept)
    return tuple(() if spec.axes == widest.axes else missing for spec in specs)


def _beside(scope: Scope, fields: Sequence[str]) -> str | None:
    """How texts of as many tokens are joined, where all fields are texts."""
    first, *others = dict.fromkeys(fields)
    known = [scope.draft.fields.get(name) for name in (first, *others)]
    if not others or not all(spec is not None and spec.kind == "index" for spec in known):
        return None
    return f"of texts with as many tokens:  data.fields.{others[0]}.of: {first}"


def _names(names: Names | None) -> tuple[str, ...]:
    if names is None:
        return ()
    return (names,) if isinstance(names, str) else names
