"""Notes that sound together, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field as Option
from pydantic import model_validator

from nntrain.data.fields.field import Encoded, Field, RaggedArray, Role
from nntrain.data.fields.number import require_single
from nntrain.errors import DataError, SpecError
from nntrain.specs import RAGGED, SEQUENCE, Spec

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

STEP_MARK: Final = ";"
"""What stands between two steps in a cell."""

HIGHEST: Final = 127
"""The highest note of MIDI."""

Note = Annotated[int, Option(ge=0, le=HIGHEST)]


class Notes(Field):
    """A piece of music [T, F]: for each step which of F notes sound, 1 or 0. A cell has the MIDI notes of each step: `60 64 67; ; 62`.

    In the role [input, target] the target of a step are the notes of the next one.
    """

    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "ignore"})
    piece_suffixes: ClassVar[tuple[str, ...]] = (".mid", ".midi")

    type: Literal["notes"] = "notes"
    low: Note = 21
    """The lowest MIDI note there may be; 21 is the lowest key of a piano."""
    high: Note = 108
    """The highest one; F = high - low + 1."""
    max_length: Annotated[int, Option(ge=2)] | None = None
    """Longer pieces are cut to their first steps."""

    @model_validator(mode="after")
    def _low_is_below_high(self) -> Notes:
        if self.low >= self.high:
            raise ValueError(f"low: {self.low} is not below high: {self.high}")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """The MIDI numbers of the notes."""
        return tuple(map(str, range(self.low, self.high + 1)))

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[T, F]. Raises `SpecError` for an array with axes beside the rows, and for a target that is no input."""
        require_single(name, columns, "a cell of notes")
        if is_target and "input" not in self.role_set:
            raise SpecError("is a target and no input: what follows is predicted from what was", "fix:  role: [input, target]")
        return self._spec

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[T, F]."""
        return self._spec

    @property
    def _spec(self) -> Spec:
        return Spec(SEQUENCE, (RAGGED, self.high - self.low + 1))

    def read(self, table: Table, columns: tuple[str, ...]) -> RaggedArray:
        """Float32 `[sum of lengths, F]` and the lengths. Raises `DataError` that names the row for what is no note or beyond the limits."""
        import numpy as np

        pieces: list[str | None] = table.texts(columns[0]).to_list()
        places: list[tuple[int, int]] = []
        lengths: list[int] = []
        done = 0
        for row, piece in enumerate(pieces):
            steps: list[str] = [] if piece is None else piece.split(STEP_MARK)[: self.max_length]
            for step, notes in enumerate(steps):
                where = f"{table.name}: {table.place(row)}: {columns[0]}: step {step}"
                places += [(done + step, self._place(note, where)) for note in notes.split()]
            lengths.append(len(steps))
            done += len(steps)
        return RaggedArray(self._sounding(places, done), np.array(lengths, dtype=np.int64))

    def _sounding(self, places: Sequence[tuple[int, int]], steps: int) -> Array:
        """Float32 `[T, F]` from steps and the places of the notes that sound in them."""
        import numpy as np

        found = np.zeros((steps, self.high - self.low + 1), dtype=np.float32)
        if places:
            found[tuple(np.array(places).T)] = 1.0
        return found

    def _place(self, note: str, where: str) -> int:
        if not (note.isascii() and note.isdigit() and len(note) <= 3 and int(note) <= HIGHEST):
            raise DataError(f"{where}: {note[:20]!r} is no MIDI note, 0 to {HIGHEST}", "a cell has the notes of each step: 60 64 67; ; 62")
        if not self.low <= int(note) <= self.high:
            limit = "low" if int(note) < self.low else "high"
            raise DataError(f"{where}: the note {note} is not from {self.low} to {self.high}", f"wider limits: {limit}: {int(note)}")
        return int(note) - self.low

    def fit(self, values: Values, *, is_target: bool) -> State:
        """How many steps the longest piece has."""
        assert isinstance(values, RaggedArray)
        return {"longest": int(values.lengths.max(initial=0))}

    def longest(self, state: State) -> int | None:
        """Steps of the longest training piece."""
        return state.get("longest")

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[sum of lengths, F]` and the lengths `[N]`; of a target each step has the notes of the next, and the last NaN."""
        import numpy as np

        assert isinstance(values, RaggedArray)
        if not is_target:
            return Encoded(values.values, values.lengths)
        found = np.concatenate([values.values[1:], values.values[:1]])
        ends = (values.lengths.cumsum() - 1)[values.lengths > 0]
        found[ends] = np.nan
        return Encoded(found, values.lengths)

    def opening(self, prompt: str | None, state: State) -> Array:
        """The steps of a prompt as in a cell, float32 `[T, F]`; a silent one without. Raises `DataError` for what is no note."""
        steps = ("" if prompt is None else prompt).split(STEP_MARK)
        places = [(step, self._place(note, f"step {step}")) for step, notes in enumerate(steps) for note in notes.split()]
        return self._sounding(places, len(steps))

    def rendered(self, steps: Array, state: State) -> bytes:
        """A MIDI file."""
        from nntrain.data.midi import midi

        return midi([{self.low + int(place) for place in step.nonzero()[0]} for step in steps])

    def is_missing(self, values: Values) -> Array:
        """Pieces of less than two steps: nothing follows."""
        assert isinstance(values, RaggedArray)
        return values.lengths < 2
