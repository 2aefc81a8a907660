"""The base of all field types: what a column means, how it is fitted on training rows and turned into numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from nntrain.schema import Component

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from torch import Tensor

    from nntrain.data.audio.hearing import Hearing
    from nntrain.data.augmentation.augmentation import Augmentation
    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.exhibits import Exhibit
    from nntrain.data.fields.image import ProgressiveResizing
    from nntrain.data.file_rows import FileKind
    from nntrain.data.forms.form import Form
    from nntrain.data.grid import Grid
    from nntrain.data.header import HeaderColumn
    from nntrain.data.highlights import Highlight
    from nntrain.data.image_stream import ImageFiles
    from nntrain.data.table import Table
    from nntrain.data.words import Coded
    from nntrain.specs import Spec

    Array = np.ndarray[Any, Any]
    Values: TypeAlias = "Array | pl.Series | Coded | RaggedArray | ImageFiles"

Role = Literal["input", "target", "weight", "split", "fold", "group", "time", "ignore"]
"""What a column is there for."""

Neutral = Literal["auto", "mean", "zero"]
"""A value that says nothing: the mean of the training rows, 0 in its own unit, or what suits the field best."""

Words = str | int | tuple[str | int, ...]
"""One cell text or several; a number stands for its digits."""

State = dict[str, Any]
"""What a field learned: plain values, lists, and float64 tensors."""


@dataclass(frozen=True, slots=True)
class RaggedArray:
    """Rows of different lengths, one after another."""

    values: Array
    """`[sum of lengths, F]`; samples of sounds `[sum of lengths]`."""
    lengths: Array
    """`[N]`."""

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A field of some rows as numbers."""

    values: Array
    """`[N, …]`, float32 or int64; `[sum of lengths, F]` where rows differ in length."""
    lengths: Array | None = None
    """Int64 `[N]`, where rows differ in length."""
    pixels: tuple[Tensor, Tensor] | None = None
    """Of images: offset and scale of each channel, float64 `[C]`, by which a batch is normalised: (value - offset) / scale."""
    unknown: Array | None = None
    """Rows whose class training never showed, bool `[N]`; their numbers mean nothing in a target."""
    unknown_words: str | None = None
    """What those rows hold and what training showed, in words; `None` where their cells tell."""
    is_map: bool = False
    """Whether a target has a class for each pixel: `values` is uint8 `[N, H, W]`, 255 where nothing counts."""
    files: ImageFiles | None = None
    """Of images that are read when their batch comes: the files. `values` has the numbers of the rows then, int64 `[N]`."""
    sounds: Hearing | None = None
    """Of sounds that become what the network reads when their batch comes: how. `values` has samples then, or steps that are changed."""


def _cells() -> Form:
    from nntrain.data.forms.form import CELLS

    return CELLS


@dataclass(frozen=True, slots=True)
class Decoded:
    """Predictions as people read them."""

    values: tuple[Any, ...]
    """By row: a class name, a list of labels, a number, a list of numbers, an image: a float32 array [C, H, W] in [0, 1], or a
    mask: an array [H, W] of class indices."""
    probabilities: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """By class, then by row; empty for numbers."""
    interval: tuple[tuple[Any, ...], tuple[Any, ...]] | None = None
    """By row, where the value probably lies: the lower limits and the higher ones; `None` for a loss that doesn't tell."""
    separator: str | None = None
    """What stands between two labels of a row in a cell; `None` where values are no lists of labels."""
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    """Of masks, how much of a row is taken for a class, by class, then by row; empty for all else."""
    form: Form = field(default_factory=_cells, compare=False, repr=False)
    """How they are written, as the field of their target says."""

    def by_row(self, counts: Sequence[int]) -> Decoded:
        """Of predictions of units, one after another, those of each row as a list; `counts` has the units of each row."""
        values = tuple(list(self.values[start:end]) for start, end in pairwise(accumulate(counts, initial=0)))
        return Decoded(values, separator=" " if all(isinstance(value, str) for value in self.values) else None)


@dataclass(frozen=True, slots=True)
class Unseen:
    """Parts of rows that training never showed: the tokens of texts."""

    counts: Array
    """How many of a row are new, int64 `[N]`."""
    totals: Array
    """How many it has, int64 `[N]`."""
    examples: tuple[tuple[str, ...], ...]
    """Of each row the first few of them."""
    usual: float
    """Share of the parts of the training rows that are unknown all the same."""


INPUTS_ONLY = "it acts on inputs only"
"""Why an option has no effect."""


def words(value: Words) -> tuple[str, ...]:
    """Cell texts as they stand in a file."""
    return tuple(str(word) for word in (value if isinstance(value, tuple) else (value,)))


class Field(Component):
    """What one column, or several that belong together, mean to the network."""

    kinds: ClassVar[frozenset[str]] = frozenset({"field type"})
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "weight", "split", "fold", "group", "time", "ignore"})
    """Roles that a field of this type can have."""
    reads_files: ClassVar[bool] = False
    """Whether a text in its column is the name of a file."""
    file_kind: ClassVar[FileKind | None] = None
    """Which files those are where new rows of a network that reads nothing else may be a folder of them, or one; `None` for none."""
    piece_suffixes: ClassVar[tuple[str, ...]] = ()
    """Endings of the files that generated sequences are written to, where they are no text."""
    features_apart: ClassVar[bool] = False
    """Whether each of its numbers is a column of its own for those who ask what matters."""
    stratifies: ClassVar[bool] = False
    """Whether a split keeps the shares of its values where it is the target."""

    role: Role | tuple[Role, ...] | None = None
    """What the field is for. Default: target for what `data.target` names, else input."""
    column: str | None = None
    """The column or array that the values come from. Default: the one with the field's name."""

    @property
    def role_set(self) -> frozenset[Role]:
        """The roles that are written; none where the default applies."""
        if self.role is None:
            return frozenset()
        return frozenset(self.role if isinstance(self.role, tuple) else (self.role,))

    @property
    def source_columns(self) -> tuple[str, ...] | None:
        """Names or patterns of the columns that the values come from; `None` for the one with the field's name."""
        return None if self.column is None else (self.column,)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their indices, where the settings tell."""
        return ()

    @property
    def lacks(self) -> str | None:
        """What must be installed before a value can be read, in words; `None` where nothing is missing."""
        return None

    @property
    def filling(self) -> str | None:
        """What stands for a missing input, in words; `None` where nothing is filled in."""
        return None

    @property
    def drops_rows(self) -> bool:
        """Whether rows with some values are left out."""
        return False

    @property
    def step_column(self) -> str | None:
        """The array that has an entry for each step instead of each row."""
        return None

    @property
    def step_keys(self) -> tuple[str, ...]:
        """Columns that say which row a step is of, and where in it, where a row of the file is a step."""
        return ()

    @property
    def shares(self) -> str | None:
        """The field from whose training rows, and whose own, this one learns; `None` for one that learns by itself."""
        return None

    def sharing(self, other: Field) -> Field:
        """The field with what it has in common with the one that it shares with. Raises `SpecError` where they don't go together."""
        return self

    def join(self, values: Sequence[Values]) -> Values:
        """The values of fields that share what they learn, one after another."""
        raise NotImplementedError

    @property
    def beside(self) -> str | None:
        """The field of whose steps this one has a value each; `None` for one that stands by itself."""
        return None

    @property
    def task(self) -> str | None:
        """The task of a target that its roles decide, in place of its type alone."""
        return None

    @property
    def augmentations(self) -> tuple[Augmentation, ...]:
        """Random changes of the training images, in their order."""
        return ()

    @property
    def resizing(self) -> ProgressiveResizing | None:
        """How training images grow; `None` for those that have their size from the start."""
        return None

    @property
    def views(self) -> tuple[tuple[Augmentation, ...], ...]:
        """Changes of the images that are measured and predicted for: of each further view of a row those that make it, in their order."""
        return ()

    @property
    def is_changed_at_random(self) -> bool:
        """Whether training shows a row anew each epoch."""
        return bool(self.augmentations)

    def with_classes(self, names: tuple[str, ...]) -> Field:
        """The field with classes that the source knows, where it takes classes and has none."""
        return self

    def settled(self, table: Table, columns: tuple[str, ...]) -> Field:
        """The field with what all rows of the training file show of how its cells are written: later files are read as they are.

        Raises:
            DataError: They can be read in two ways.
        """
        return self

    def settled_of(self, tables: Iterable[Table], columns: tuple[str, ...]) -> Field | None:
        """The same of a training file that is read a block at a time, where its rows decide together.

        Returns:
            The field; `None` where each block shows by itself how all are written.

        Raises:
            DataError: They can be read in two ways.
        """
        return None

    def in_role(self, role: Role) -> Field:
        """The field as it is used in a role."""
        return self

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """Options with another value than the default that nothing reads in these roles, and why: `{clip: it acts on inputs only}`."""
        return {}

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """The tensor that the field becomes, as far as the head of the data tells.

        Args:
            name: The field, for sizes that are not known yet.
            columns: What it is made of; `None` where the data are not looked at.
            is_target: A category counts its classes without index 0 then.

        Raises:
            SpecError: The columns are no such thing.
        """
        raise NotImplementedError

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """The tensor that the fitted field becomes."""
        raise NotImplementedError

    def read(self, table: Table, columns: tuple[str, ...]) -> Values:
        """The values of all rows, typed but not fitted, `[N, …]`; missing ones are NaN or null.

        Raises:
            DataError: A cell is not what the type says; file, line and column are named.
        """
        raise NotImplementedError

    def longest(self, state: State) -> int | None:
        """Steps of the longest training row, where that is known and rows differ."""
        return None

    def opening(self, prompt: str | None, state: State) -> Array:
        """The steps that a generated sequence begins with, `[T, …]` as the network reads them; at least one.

        Args:
            prompt: What it is to begin with; `None` for as little as there can be.
            state: What the field learned.

        Raises:
            DataError: The prompt can't be read.
        """
        raise NotImplementedError

    def rendered(self, steps: Array, state: State) -> str | bytes:
        """A generated sequence `[T, …]` as people keep it: a text, or the content of a file."""
        raise NotImplementedError

    def form(self, state: State) -> Form:
        """How what is predicted of such a target is written: in cells of a table, unless it has a form of its own."""
        from nntrain.data.forms.form import CELLS

        return CELLS

    def exhibits(self, table: Table, columns: tuple[str, ...], rows: Sequence[int]) -> Sequence[Exhibit]:
        """What some rows hold, as people look at it. Raises `DataError` where it can't be read."""
        from nntrain.data.exhibits import cells_of

        return cells_of(table, columns, rows)

    def to_text(self, state: State) -> Callable[[Sequence[int]], str] | None:
        """What makes a text of indices again; `None` for what is no text. Raises `DataError` where a library is missing."""
        return None

    def first_steps(self, columns: Sequence[HeaderColumn]) -> int | None:
        """Steps of the first row, or the fewest of the first few, as far as the head of the data tells; `None` where it does not."""
        return None

    def streams(self, column: HeaderColumn) -> bool:
        """Whether the rows of a column can be read when their batch comes."""
        return False

    def stream(self, table: Table, columns: tuple[str, ...]) -> Values | None:
        """In place of `read`, values that are read when their batch comes; `None` where there is no such way. Raises `DataError`."""
        return None

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Learn from the values of the training rows. Raises `DataError`."""
        raise NotImplementedError

    @property
    def needs_all_rows(self) -> str | None:
        """Why it can't learn as an input of rows that are read a block at a time; `None` where it has a `learner`."""
        return f"a field of type {self.type} learns from all rows at once"  # pyright: ignore[reportAttributeAccessIssue]

    @property
    def encodes_apart(self) -> bool:
        """Whether the numbers of a row are the same whatever other rows are encoded with it."""
        return True

    def learner(self) -> Learner | None:
        """What learns as an input of training rows that are read a block at a time; `None` for what must see all of them at once."""
        return None

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Turn values `[N, …]` into numbers. Raises `DataError`."""
        raise NotImplementedError

    def is_missing(self, values: Values) -> Array:
        """Which rows have no value, bool `[N]`."""
        raise NotImplementedError

    def magnitudes(self, values: Values) -> Array | None:
        """The numbers of the rows `[N, F]`, NaN where missing, of which new rows may be beyond training; `None` for what has no range."""
        return None

    def grid(self, values: Values, state: State, points: int) -> Grid | None:
        """At most so many values that some rows have, to be asked for one by one; `None` for what has too many to tell anything."""
        return None

    def neutral(self, state: State, kind: Neutral = "auto") -> Array | None:
        """Numbers of a row that say nothing, in its shape or one that can be expanded to it; `None` for what has none."""

    def highlight(self, seen: Array, shares: Array, state: State) -> Highlight | None:
        """What the network reads of a row with the shares of its parts over it; `None` for what is a cell of a table."""

    def in_own_unit(self, steps: Array, state: State, feature: int | None) -> Array | None:
        """Numbers of a window `[T, F]`, or of one feature, in their own unit again, `[T]`; `None` for what is no number."""

    def unseen(self, values: Values, state: State) -> Unseen | None:
        """Which parts of the rows training never showed; `None` for what has no parts."""
        return None

    def is_dropped(self, values: Values) -> Array | None:
        """Which rows the options leave out, bool `[N]`; `None` for none."""
        return None

    def _changed(self, options: Mapping[str, str]) -> dict[str, str]:
        """Those of some options that have another value than the default."""
        return {name: why for name, why in options.items() if getattr(self, name) != type(self).model_fields[name].default}
