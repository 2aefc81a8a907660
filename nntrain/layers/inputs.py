"""The input stage: how fields reach the first layer. One operation a kind of field, whatever the number of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final, Literal, TypedDict

from nntrain.layers.encoding import Encoding
from nntrain.layers.encodings import EmbeddingEncoding, NoEncoding, OneHotEncoding
from nntrain.layers.layer import Layer
from nntrain.layers.merging import Concat
from nntrain.layers.program import Program, Value
from nntrain.layers.scope import EncodeField, Scope
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK, VECTOR, Size, Spec, Unknown, blocks, compute, known, over

if TYPE_CHECKING:
    from torch import nn

MOST_ONE_HOT: Final = 10
"""Categories of up to this many values become one-hot, larger ones embeddings."""


class Columns(Layer):
    """Some columns of a block: [B, C] -> [B, F]; a single category comes out as [B]."""

    type: Literal["columns"] = "columns"
    columns: tuple[int, ...]
    """Numbers of the columns."""
    fields: tuple[str, ...]
    """Their names, for people."""
    output: Spec
    """What comes out."""

    @property
    def picked_fields(self) -> tuple[str, ...]:
        return self.fields

    def describe(self) -> str:
        return f"columns {_listed(self.fields)}"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return self.output

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.inputs import SelectColumns, SingleColumn

        return SelectColumns(self.columns) if self.output.of_one.rank else SingleColumn(self.columns[0])


class CategoryColumns(Layer):
    """Some columns of the block of categories, encoded: [B, C] of index -> [B, F]. Index 0, a value never seen, is all zeros."""

    columns: tuple[int, ...]
    """Numbers of the columns."""
    fields: tuple[str, ...]
    """Their names, for people."""
    classes: tuple[int | Unknown, ...]
    """Values of each column, index 0 included."""

    @property
    def picked_fields(self) -> tuple[str, ...]:
        return self.fields

    def describe(self) -> str:
        return f"{self.type} {_listed(self.fields)}"

    def widths(self) -> tuple[Size, ...]:
        """Features that each column becomes."""
        raise NotImplementedError

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        row = Spec(VECTOR, (compute(lambda *sizes: sum(sizes), *self.widths()),))
        return row.for_nodes() if spec.has_nodes else row


class OneHotColumns(CategoryColumns):
    """One feature a value: 1 for the value of the row."""

    type: Literal["one_hot"] = "one_hot"

    def widths(self) -> tuple[Size, ...]:
        return tuple(compute(_values, count) for count in self.classes)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.inputs import OneHot

        return OneHot(self.columns, tuple(known(count) for count in self.classes))


class EmbeddingColumns(CategoryColumns):
    """A learned vector a value. All columns share one table, so that one lookup serves any number of them.

    The table is as wide as the longest vector. Where lengths go by the number of values, a shorter vector leaves the rest of its
    rows unused: at most 100 rows of 50 numbers a column, since longer columns have vectors of the full 50.
    """

    type: Literal["embedding"] = "embedding"
    dim: int | None = None
    """Length of the vectors; `None`: min(50, (n + 1) // 2) for n values."""

    def describe(self) -> str:
        return super().describe() + (f", dim {self.dim}" if self.dim is not None else "")

    def widths(self) -> tuple[Size, ...]:
        return tuple(self.dim if self.dim is not None else compute(default_dim, count) for count in self.classes)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        rows = compute(lambda *counts: 1 + sum(counts) - len(counts), *self.classes)
        return {"weight": (rows, compute(lambda *sizes: max(sizes), *self.widths()))}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.inputs import ColumnEmbedding

        return ColumnEmbedding(self.columns, tuple(known(count) for count in self.classes), tuple(known(dim) for dim in self.widths()))


def encode(scope: Scope, names: Sequence[str], encodings: Mapping[str, Encoding]) -> Value:
    """Add the steps that turn fields into what the first layer gets.

    Args:
        scope: Where the steps go.
        names: The fields, in the order of the file.
        encodings: How, by field name or pattern, exact names first. Default: by type.

    Returns:
        The field itself where it is a single image, series or vector, else one row of numbers [F].

    Raises:
        UnplacedError: The fields don't go together; the problem is noted.
    """
    scope = replace(scope, stage="inputs", prefix=f"{scope.prefix}inputs.")
    fields = scope.draft.fields
    ranks = {name: fields[name].of_one.rank for name in names}
    large = [name for name in names if ranks[name] > 1 or (fields[name].kind == "index" and ranks[name] == 1)]
    if large and len(names) > 1:
        example = f"fix:  nodes: {{a: {{from: {large[0]}, layers: […]}}, b: {{from: …}}, both: {{concat: [a, b]}}}}"
        raise scope.fail(f"gets {fields[large[0]].describe()} ({large[0]}) among several fields, which make no single tensor", example)
    chosen = {name: find_encoding(name, fields[name], encodings, scope.implied) for name in names}
    unencoded = [name for name in names if isinstance(chosen[name], NoEncoding) and ranks[name] == 0 and fields[name].kind == "index"]
    if unencoded and len(names) > 1:
        raise scope.fail(f"can't join the index {unencoded[0]!r} with other fields", "encode it: one_hot or embedding")
    if large or unencoded:
        return _single(scope, names[0])
    parts = [*_numbers(scope, names, chosen), *_categories(scope, names, chosen), *_vectors(scope, names)]
    if len(parts) == 1:
        return parts[0]
    joined = scope.add(Concat(), *parts)
    return _in_sections(joined, [size for part in parts for size in part.spec.sections or ()])


def field_encoder(encodings: Mapping[str, Encoding]) -> EncodeField:
    """How a merge reads a single field by its name."""

    def encode_field(scope: Scope, name: str) -> Value:
        return encode(scope, [name], encodings)

    return encode_field


def fields_read(program: Program) -> set[str]:
    """The input fields that reach the network."""
    grouped = blocks(program.inputs)
    found: set[str] = set()
    for step in program.steps:
        for value in step.inputs:
            if value.step is None and value.output is not None:
                columns = step.layer.fields if isinstance(step.layer, Columns | CategoryColumns) else grouped.get(value.output)
                found |= set(columns or (value.output,))
    return found


def find_encoding(name: str, spec: Spec, encodings: Mapping[str, Encoding], implied: Sequence[Encoding] = ()) -> Encoding | None:
    """What is said for a field: by its name, else by the first pattern that matches it with an encoding for such fields.

    Where nothing is said, the first of the implied encodings that is for such fields.
    """
    if name in encodings:
        return encodings[name]
    matching = (encoding for pattern, encoding in encodings.items() if fnmatchcase(name, pattern))
    return next((encoding for encoding in (*matching, *implied) if encoding.fits(spec)), None)


def check_encodings(scope: Scope, encodings: Mapping[str, Encoding]) -> None:
    """Note encodings that name no field, or a field that they don't fit."""
    fields = scope.draft.fields
    for pattern, encoding in encodings.items():
        matched = [name for name in fields if fnmatchcase(name, pattern)]
        if not matched:
            scope.at(pattern).fail(f"no input field {pattern!r}", f"input fields: {_listed(tuple(fields))}")
        if matched and not any(encoding.fits(fields[name]) for name in matched):
            found = f"{fields[matched[0]].describe()} ({matched[0]})"
            scope.at(pattern).fail(f"{encoding.type} needs a {encoding.takes} and gets {found}", "fix:  none")


def _single(scope: Scope, name: str) -> Value:
    spec = scope.draft.fields[name]
    if spec.of_one.rank:
        return scope.input(name, spec)
    column = blocks(scope.draft.fields)[CATEGORY_BLOCK].index(name)
    return scope.add(Columns(columns=(column,), fields=(name,), output=spec), _block(scope, CATEGORY_BLOCK))


def _block(scope: Scope, key: str) -> Value:
    columns = blocks(scope.draft.fields)[key]
    spec = Spec(("column",), (len(columns),), "index") if key == CATEGORY_BLOCK else Spec(VECTOR, (len(columns),))
    return scope.input(key, spec.for_nodes() if scope.draft.fields[columns[0]].has_nodes else spec)


def _numbers(scope: Scope, names: Sequence[str], chosen: Mapping[str, Encoding | None]) -> list[Value]:
    """Numbers as they are, then those of each encoding."""
    stored = blocks(scope.draft.fields).get(NUMBER_BLOCK, ())
    groups: list[tuple[Encoding | None, list[str]]] = [(None, [])]
    for name in (name for name in stored if name in names):
        encoding = None if isinstance(chosen[name], NoEncoding) else chosen[name]
        group = next((members for own, members in groups if own == encoding), None)
        if group is None:
            groups.append((encoding, [name]))
        else:
            group.append(name)
    found: list[Value] = []
    for encoding, members in groups:
        if members:
            value = _some_numbers(scope, stored, tuple(members))
            value = value if encoding is None else scope.add(encoding.layer(), value)
            found.append(_in_sections(value, [over(value.spec.sizes[-1], len(members))] * len(members)))
    return found


def _some_numbers(scope: Scope, stored: tuple[str, ...], wanted: tuple[str, ...]) -> Value:
    block = _block(scope, NUMBER_BLOCK)
    if wanted == stored:
        return block
    columns = tuple(stored.index(name) for name in wanted)
    return scope.add(Columns(columns=columns, fields=wanted, output=block.spec.with_last(len(wanted))), block)


def _categories(scope: Scope, names: Sequence[str], chosen: Mapping[str, Encoding | None]) -> list[Value]:
    stored = blocks(scope.draft.fields).get(CATEGORY_BLOCK, ())
    wanted = [name for name in stored if name in names]
    one_hot = [name for name in wanted if _is_one_hot(scope.draft.fields[name], chosen[name])]
    layers: list[CategoryColumns] = [OneHotColumns(**_columns(scope, stored, one_hot))] if one_hot else []
    by_dim: dict[int | None, list[str]] = {}
    for name in wanted:
        if name not in one_hot:
            encoding = chosen[name]
            by_dim.setdefault(encoding.dim if isinstance(encoding, EmbeddingEncoding) else None, []).append(name)
    layers += [EmbeddingColumns(**_columns(scope, stored, embedded), dim=dim) for dim, embedded in by_dim.items()]
    return [_in_sections(scope.add(layer, _block(scope, CATEGORY_BLOCK)), layer.widths()) for layer in layers]


class _Columns(TypedDict):
    columns: tuple[int, ...]
    fields: tuple[str, ...]
    classes: tuple[int | Unknown, ...]


def _columns(scope: Scope, stored: Sequence[str], names: Sequence[str]) -> _Columns:
    """What an encoder knows of its columns."""
    counts = (scope.draft.fields[name].classes for name in names)
    return {
        "columns": tuple(stored.index(name) for name in names),
        "fields": tuple(names),
        "classes": tuple(count for count in counts if isinstance(count, int | Unknown)),
    }


def _is_one_hot(spec: Spec, encoding: Encoding | None) -> bool:
    """What is said, else by the number of values; while that is unknown, one-hot stands for both."""
    if encoding is not None:
        return isinstance(encoding, OneHotEncoding)
    return not isinstance(spec.classes, int) or spec.classes - 1 <= MOST_ONE_HOT


def _vectors(scope: Scope, names: Sequence[str]) -> list[Value]:
    fields = scope.draft.fields
    vectors = [name for name in names if fields[name].of_one.axes == VECTOR and fields[name].kind != "index"]
    return [_in_sections(scope.input(name, fields[name]), fields[name].of_one.sizes) for name in vectors]


def _in_sections(value: Value, sizes: Sequence[Size]) -> Value:
    """The same value, of which is known how many features each field has become."""
    return replace(value, spec=replace(value.spec, sections=tuple(sizes)))


def _values(classes: int) -> int:
    """Values of a category beside index 0."""
    return classes - 1


def default_dim(classes: int) -> int:
    """min(50, (n + 1) // 2) for n values, of which there are `classes` with index 0."""
    return min(50, classes // 2)


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
