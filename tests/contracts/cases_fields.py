"""A row for each field type: six training rows and six others."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.data.fields.field import Field
from nntrain.data.file_store import FileStore
from nntrain.data.fitted import FittedFields
from nntrain.data.layout import FieldPlan
from nntrain.data.numerals import POINT
from nntrain.data.reading import header_of
from nntrain.data.settings import FIELDS, FieldSlot
from nntrain.data.table import Table
from nntrain.data.values import read_values
from nntrain.specs import RAGGED, Ragged

Columns = Mapping[str, Any]

RANDOM = np.random.default_rng(0)
NAN = float("nan")


class Sounds(FileStore):
    """Made-up sounds: `440 0.3` is a tone of 440 Hz that lasts 0.3 seconds."""

    def read(self, name: str, most: int = -1) -> bytes:
        hertz, seconds = map(float, name.split())
        samples = 9000 * np.sin(2 * np.pi * hertz * np.arange(int(8000 * seconds)) / 8000)
        content = io.BytesIO()
        with wave.open(content, "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(samples.astype("<i2").tobytes())
        return content.getvalue()[: None if most < 0 else most]


@dataclass(frozen=True)
class Case:
    """A field, the columns of six training rows and of six others; of these, the first is missing and the last unlike all in training."""

    tag: str
    train: Columns
    others: Columns
    options: Columns = field(default_factory=dict)
    sizes: tuple[int | Ragged, ...] = ()
    missing: float | None = 0.0
    """What a missing input becomes, in every place; `None` where nothing can be missing."""
    unseen: int | None = None
    """What an input becomes that training never showed, where such a thing is set apart."""
    is_target: bool = False
    """Whether it may be one."""
    is_input: bool = True
    """Whether it may be one."""

    def field(self) -> Field:
        made = FieldSlot("field type", (FIELDS,)).validate({"type": self.tag, **self.options})
        assert isinstance(made, Field)
        return made

    def table(self, *parts: Columns) -> Table:
        if self.tag == "audio":
            pytest.importorskip("soundfile", reason="needs pip install 'nntrain[audio]'")
        arrays = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in self.train}
        rows = 6 * len(parts)
        if "v" in arrays or any(array.ndim > 1 for array in arrays.values()):
            return Table("t", arrays, rows)
        cells = {name: array.tolist() for name, array in arrays.items()}
        return Table("t", Table.of_cells(cells, frozenset(), POINT).columns, rows, store=Sounds(Path()))

    def fit(self, table: Table, *, is_target: bool = False) -> FittedFields:
        made = self.field()
        columns = tuple(self.train)
        header = header_of(table)
        spec = made.plan_spec("f", [header.column(column) for column in columns], is_target=is_target)
        plan = FieldPlan("f", made, columns, "target" if is_target else "input", None, spec, made.class_names)
        return FittedFields.fit((plan,), read_values((plan,), table), np.arange(6), "t")


def matrix(*shape: int, is_missing: bool = False) -> np.ndarray:
    values = RANDOM.normal(size=(6, *shape)) * 3 + 5
    if is_missing:
        values[0], values[5] = NAN, 1e6
    return values


CASES = [
    Case("number", {"a": [1.0, 2.0, 3.0, 4.0, 5.5, 7.0]}, {"a": [NAN, -1.0, 2.0, 3.0, 4.0, 1e6]}, is_target=True),
    Case(
        "number",
        {"a": [1.0, 2.0, 3.0, 4.0, 5.5, 7.0]},
        {"a": [NAN, -1.0, 2.0, 3.0, 4.0, 1e6]},
        {"normalize": "none", "missing": -9.0},
        missing=-9.0,
    ),
    Case(
        "boolean",
        {"a": ["yes", "no", "yes", "no", "no", "no"]},
        {"a": [None, "no", "no", "yes", "yes", "1"]},
        missing=2 / 6,
        is_target=True,
    ),
    Case("category", {"a": list("abcabc")}, {"a": [None, *"bacbx"]}, missing=0, unseen=0, is_target=True),
    Case("category", {"a": [*"bbca", None, "a"]}, {"a": [None, *"bacbx"]}, missing=4, unseen=0),
    Case("category", {"a": list("aabbbc")}, {"a": [None, *"baabc"]}, {"min_count": 2}, missing=0, unseen=0),
    Case("number", {"a": [1.0, 2.0, 3.0, 4.0, 5.5, 99.0]}, {"a": [NAN, -1.0, 2.0, 3.0, 4.0, 1e6]}, {"normalize": "robust"}, missing=None),
    Case("number", {"a": [1.0, 2.0, 40.0, 0.5, 5.5, 99.0]}, {"a": [NAN, 9.0, 2.0, 3.0, 4.0, 1e6]}, {"normalize": "log"}, missing=0),
    *(
        Case("number", {"a": [1.0, 2.0, 4.0, 0.5, 5.5, 9.0]}, {"a": [NAN, 9.0, 2.0, 3.0, -4.0, 1e6]}, options, missing=None, is_target=both)
        for options, both in (
            ({"normalize": "quantile"}, True),
            ({"normalize": "power"}, True),
            ({"normalize": "robust", "smooth_clip": 3.0}, False),
        )
    ),
    Case("ordinal", {"a": [3, 1, 2, 10, 2, 1]}, {"a": [None, 1, 2, 3, 10, 7]}, missing=0, unseen=0, is_target=True),
    Case(
        "ordinal",
        {"a": ["low", "mid", "high", None, "low", "mid"]},
        {"a": [None, "low", "mid", "high", "low", "none"]},
        {"order": ["low", "mid", "high"]},
        missing=4,
        unseen=0,
    ),
    Case(
        "multi_label",
        {"a": ["x|y", "y", "z|x", "y | z", "x", "z"]},
        {"a": [None, "x", "y|z", "z", "y", "x|w"]},
        sizes=(3,),
        unseen=None,
        is_target=True,
    ),
    Case(
        "date",
        {"a": ["2024-01-31", "2024-02-01", "2024-02-05", "2024-03-01", "2024-03-02", "2024-12-31"]},
        {"a": [None, "2024-01-01", "2024-05-05", "2024-07-07", "2024-08-08", "2031-01-01"]},
        sizes=(7,),
        missing=None,
    ),
    Case("vector", {"a": matrix(3)}, {"a": matrix(3, is_missing=True)}, sizes=(3,), is_target=True),
    Case(
        "vector",
        {"a": matrix(), "b": matrix()},
        {"a": matrix(is_missing=True), "b": matrix(is_missing=True)},
        {"columns": ["a", "b"]},
        sizes=(2,),
    ),
    Case("series", {"a": matrix(4, 2)}, {"a": matrix(4, 2, is_missing=True)}, sizes=(4, 2)),
    Case("series", {"a": matrix(4)}, {"a": matrix(4, is_missing=True)}, {"max_length": 3, "missing": "median"}, sizes=(3, 1), missing=None),
    Case(
        "series",
        {"v": RANDOM.normal(size=(12, 2)), "n": [1, 2, 3, 3, 2, 1]},
        {"v": RANDOM.normal(size=(15, 2)) + 100, "n": [0, 4, 3, 2, 1, 5]},
        {"values": "v", "lengths": "n"},
        sizes=(RAGGED, 2),
    ),
    Case("text", {"a": ["a b", "b", "b c", "a", "a b c", "c"]}, {"a": [None, "a", "b b c", "a", "c", "x y b"]}, sizes=(RAGGED,)),
    Case(
        "text",
        {"a": ["a b", "é", "b c", "a", "a b c", "c"]},
        {"a": [None, "a", "b b c", "a", "c", "x y b"]},
        {"tokenizer": "byte"},
        sizes=(RAGGED,),
        is_target=True,
    ),
    Case(
        "text",
        {"a": ["A b", "B", "b C", "a", "a B c", "c"]},
        {"a": [None, "a", "b b c", "a", "c", "x y b"]},
        {"of": "words", "tokenizer": "space", "replace": {"[A-Z]": "X", "[a-z]": "x"}},
        sizes=(RAGGED,),
    ),
    Case(
        "tags",
        {"a": ["O B", "I B O", "O", "B", "O O", "I"]},
        {"a": [None, "O", "B I", "I", "O", "O X"]},
        {"of": "tokens"},
        is_target=True,
        is_input=False,
    ),
    Case(
        "notes",
        {"a": ["60;62", "60 64;61;61", ";64", "63;", "60;60", "61;62"]},
        {"a": [None, "60;", "61;62", "62;61", ";", "64;64 63 62;60"]},
        {"low": 60, "high": 64, "role": ["input", "target"]},
        sizes=(RAGGED, 5),
        is_target=True,
    ),
    Case(
        "audio",
        {"a": ["200 0.1", "300 0.2", "900 0.1", "500 0.3", "700 0.1", "800 0.1"]},
        {"a": ["900 0.1", "100 0.05", "900 0.1", "500 0.3", "700 0.1", "3000 0.4"]},
        {"features": {"type": "log_mel", "bins": 3}},
        sizes=(RAGGED, 3),
        missing=None,
    ),
    Case(
        "audio",
        {"a": ["200 0.1", "300 0.2", "900 0.1", "500 0.3", "700 0.1", "800 0.1"]},
        {"a": ["900 0.1", "100 0.05", "900 0.1", "500 0.3", "700 0.1", "3000 0.4"]},
        {"features": {"type": "mfcc", "bins": 4, "coefficients": 2}, "length": 0.1, "sample_rate": 4000},
        sizes=(8, 2),
        missing=None,
    ),
    Case(
        "audio",
        {"a": ["200 0.1", "300 0.2", "900 0.1", "500 0.3", "700 0.1", "800 0.1"]},
        {"a": ["900 0.1", "100 0.05", "900 0.1", "500 0.3", "700 0.1", "3000 0.4"]},
        {
            "features": {"type": "log_mel", "bins": 9},
            "length": 0.1,
            "crop": "random",
            "sample_rate": 8000,
            "augment": [{"shift": 9}, {"noise": [0, 20]}, {"gain": 6}, "spec_augment"],
        },
        sizes=(8, 9),
        missing=None,
    ),
    Case(
        "image",
        {"a": RANDOM.random((6, 4, 5))},
        {"a": RANDOM.random((6, 4, 5)) / 9},
        {"normalize": "standard"},
        sizes=(1, 4, 5),
        missing=None,
        is_target=True,
    ),
    Case(
        "mask",
        {"a": RANDOM.integers(0, 3, (6, 4, 5))},
        {"a": RANDOM.integers(0, 3, (6, 4, 5)) + np.array([0, 0, 0, 0, 0, 9])[:, None, None]},
        {"ignore": 2},
        sizes=(4, 5),
        is_target=True,
        is_input=False,
    ),
    Case("image", {"a": RANDOM.random((6, 3, 4, 5))}, {"a": RANDOM.random((6, 3, 4, 5))}, {"size": [8, 6]}, sizes=(3, 8, 6), missing=None),
]
