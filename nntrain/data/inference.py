"""Which type a column has where the config does not say."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from nntrain.data.facts import MAX_VALUES, NEAR_NUMBER, RowFacts, quoted
from nntrain.data.fields.boolean import FALSE_WORDS, TRUE_WORDS, Boolean
from nntrain.data.fields.category import Category
from nntrain.data.fields.date import Date
from nntrain.data.fields.field import Field
from nntrain.data.fields.image import Image
from nntrain.data.fields.number import Number
from nntrain.data.fields.series import Series
from nntrain.data.fields.vector import Vector
from nntrain.data.header import FileFacts
from nntrain.wording import number_of

ROW_NUMBERS: Final = "row numbers"
"""Why a column that counts the rows is left out."""

MIN_ROWS_OF_AN_ID: Final = 20
"""Text columns with fewer different values are never taken for identifiers."""


WORDS_OF_A_TEXT: Final = 3.0
"""Words of a cell, on average, from which many different ones are taken for texts."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What a column was taken for."""

    field: Field | None
    """The type; `None` for a column that is left out."""
    note: str
    """What was found, and the line that changes it."""
    doubt: str | None = None
    """Why it may be numbers all the same, and the lines that make it so."""


def guess_values(facts: RowFacts, *, is_target: bool, is_named: bool) -> Guess:
    """Type of a column of single values.

    Args:
        facts: What is known of its values.
        is_target: Whether it is to be predicted: then few values are classes.
        is_named: Whether the config names it: then it is never left out.
    """
    guess = _guess_values(facts, is_target=is_target, is_named=is_named)
    if isinstance(guess.field, Date):
        return guess
    return replace(guess, doubt=_doubt_of_stand_in(facts) if isinstance(guess.field, Number) else _doubt(facts))


def _guess_values(facts: RowFacts, *, is_target: bool, is_named: bool) -> Guess:
    if is_target:
        return _guess_target(facts)
    is_date = facts.date_format is not None
    if not is_date and _are_texts(facts):
        return _text(facts)
    reason = None if is_named or (is_date and facts.distinct > 1) else _reason_to_leave_out(facts)
    if reason is not None:
        return Guess(None, reason)
    if is_date:
        written = facts.date_format if isinstance(facts.date_format, str) else None
        return Guess(Date(format=written), f"date{f' ({written})' if written else ''}   change: type: category")
    if facts.is_numeric:
        return Guess(Number(), "number")
    if _are_words(facts.values):
        return Guess(Boolean(), "boolean")
    return Guess(Category(), _category_note(facts))


def other_readings(facts: RowFacts) -> tuple[Field, ...]:
    """What a target may turn out to be once all rows are read, where `facts` are of the first rows only: a table may be sorted by it."""
    if facts.is_complete:
        return ()
    has_few = not facts.is_numeric or facts.distinct == 2 or (facts.is_whole and facts.distinct <= MAX_VALUES)
    readings: list[Field] = [Category()] if has_few else []
    if has_few and facts.distinct <= 2:
        readings.append(Boolean())
    return (*readings, Number()) if facts.is_numeric else tuple(readings)


def guess_array(shape: tuple[int, ...], kind: str) -> Guess | None:
    """Type of an array with axes beside the rows (`shape`), by its number kind: `uint8`, `int`, `float`, `bool`; `None` if it is none."""
    if kind == "text":
        return None
    if len(shape) == 1:
        return Guess(Vector(), "vector   change: type: series")
    if len(shape) == 3 or (len(shape) == 2 and kind == "uint8"):
        return Guess(Image(), "image   change: type: series" if len(shape) == 2 else "image")
    return Guess(Series(), "series   change: type: image") if len(shape) == 2 else None


def guess_files(files: FileFacts) -> Guess:
    """Type of a column of files, by the endings of their names."""
    if files.are_images:
        return Guess(Image(), "image")
    if files.are_sounds:
        from nntrain.data.fields.audio import Audio

        return Guess(Audio(), "audio")
    return Guess(None, f"{', '.join(files.suffixes[:3])} files, which no field type reads")


def _guess_target(facts: RowFacts) -> Guess:
    if _are_words(facts.values) or facts.values == ("0", "1"):
        true = tuple(value for value in facts.values if value.lower() in TRUE_WORDS)
        false = tuple(value for value in facts.values if value.lower() in FALSE_WORDS)
        return Guess(Boolean(true=true, false=false), f"boolean ({' or '.join((*false, *true))})   change: type: category")
    if facts.distinct == 2 and len(facts.values) == 2:
        false, true = facts.values
        return Guess(Boolean(true=true, false=false), f"boolean (1 is {true}, 0 is {false})   change: type: category")
    if _are_texts(facts):
        return _text(facts)
    if not facts.is_numeric:
        return Guess(Category(), _category_note(facts))
    if facts.is_whole and facts.distinct <= MAX_VALUES:
        return Guess(Category(), f"{_category_note(facts)}   change: type: ordinal | number")
    return Guess(Number(), f"number ({number_of(facts.distinct, 'value')}{_part(facts)})   change: type: category")


def _reason_to_leave_out(facts: RowFacts) -> str | None:
    if facts.present == 0 and facts.is_complete:
        return "no values"
    if facts.distinct == 1 and facts.missing == 0 and facts.is_complete:
        return f"always {quoted(facts.values[0])}"
    if facts.is_row_number:
        return ROW_NUMBERS
    if facts.is_numeric or facts.distinct <= max(MIN_ROWS_OF_AN_ID, facts.present // 2):
        return None
    return "one value per row" if facts.distinct == facts.present else f"{facts.distinct:,} values in {facts.present:,} rows"


def _are_texts(facts: RowFacts) -> bool:
    """Whether a column holds texts: cells of several words, hardly two of them alike."""
    return facts.words >= WORDS_OF_A_TEXT and not facts.is_numeric and facts.distinct > max(MIN_ROWS_OF_AN_ID, facts.present // 2)


def _text(facts: RowFacts) -> Guess:
    from nntrain.data.fields.text import Text  # few tables have texts, and every check infers types

    return Guess(Text(), f"text ({facts.words:.0f} words each{_part(facts)})   change: tokenizer: char | {{bpe: 8000}}")


def _category_note(facts: RowFacts) -> str:
    zeros = ", leading zeros" if facts.has_leading_zeros else ""
    return f"category ({number_of(facts.distinct, 'value')}{_part(facts)}{zeros})"


def _part(facts: RowFacts) -> str:
    return "" if facts.is_complete else f" in the first {facts.rows:,} rows"


def _are_words(values: tuple[str, ...]) -> bool:
    """Whether the values are known words for yes and no, both of them, and more than digits."""
    words = {value.lower() for value in values}
    return words <= TRUE_WORDS | FALSE_WORDS and bool(words & TRUE_WORDS) and bool(words & FALSE_WORDS) and not words <= {"0", "1"}


def _doubt(facts: RowFacts) -> str | None:
    """What to say of a column that is no number, though half of its cells are, or nearly all of them are but for a unit or marks."""
    shown = ", ".join(map(quoted, facts.others))
    if not facts.others or facts.has_leading_zeros:
        return None
    if facts.near and facts.numbers + facts.near >= 0.9 * facts.present:
        parts = [match.groups() for cell in facts.others if (match := re.fullmatch(NEAR_NUMBER, cell)) is not None]
        units = {unit or sign for sign, _, unit in parts if unit or sign}
        if len(units) > 1:
            return None
        fixes = [f"type: number{f', strip: {units.pop()!r}' if units else ''}", *_marks([digits for _, digits, _ in parts])]
        return f"{shown} may be numbers   fix: {', '.join(fixes)}"
    if facts.numbers >= 0.5 * facts.present and not any(char.isdigit() for cell in facts.others for char in cell):
        found = f"{facts.numbers:,} of {facts.present:,} values are numbers, and {shown} are not"
        return f"{found}   numbers? type: number, and all words for no value in data.source.missing   text? type: category"
    return None


def _doubt_of_stand_in(facts: RowFacts) -> str | None:
    """What to say of a number that may be written for no value."""
    if facts.stand_in is None:
        return None
    return f"{facts.stand_in} is far from all other numbers   no value? name it in data.source.missing   a value? type: number"


def _marks(digits: list[str]) -> list[str]:
    """The settings that read some digits with marks."""
    found: dict[str, None] = {}
    for cell in digits:
        marks = [char for char in cell if not char.isdigit()]
        thousands = next(
            (mark for mark in dict.fromkeys(marks) if re.fullmatch(rf"[1-9]\d{{0,2}}({re.escape(mark)}\d{{3}})+(\D\d+)?", cell)), None
        )
        decimal = next((mark for mark in (",", ".") if marks.count(mark) == 1 and mark != thousands), None)
        if thousands is not None and not (thousands == "." and marks == ["."]):
            found[f"data.source.thousands: {thousands!r}"] = None
        if decimal == ",":
            found["data.source.decimal: ','"] = None
    return list(found)
