"""What holds for every field type: settings and state come back, tensors are what the spec says, only the given rows teach."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nntrain.data.batches import TensorData, plain_batches
from nntrain.data.fields.field import Field
from nntrain.data.file_store import FileStore
from nntrain.data.fitted import FittedFields
from nntrain.data.layout import FieldPlan
from nntrain.data.numerals import POINT
from nntrain.data.reading import header_of
from nntrain.data.settings import FIELDS, SOURCES, DataSettings, FieldSlot
from nntrain.data.sources.source import Source
from nntrain.data.table import Table
from nntrain.data.values import read_values
from nntrain.schema import Slot, load_class
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK, RAGGED, Ragged

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

every = pytest.mark.parametrize("case", [case for case in CASES if case.is_input], ids=lambda case: f"{case.tag} {dict(case.options)}")


def inputs_of(data: TensorData) -> dict[str, Tensor]:
    return dict(next(plain_batches(data, len(data))).inputs)


def values_of(data: TensorData) -> Tensor:
    """The field `f`, out of its block."""
    inputs = inputs_of(data)
    return inputs["f"] if "f" in inputs else next(inputs[block] for block in (NUMBER_BLOCK, CATEGORY_BLOCK) if block in inputs)[:, 0]


def equal(one: Any, two: Any) -> bool:
    if isinstance(one, Tensor):
        return isinstance(two, Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(equal, one, two))
    return one == two


OF_EDGES = "link"
"""A target that no column is: tests/unit/data/test_links.py has what it becomes."""


@pytest.mark.parametrize("tag", [tag for tag in FIELDS if tag not in ("auto", OF_EDGES)])
def test_every_field_type_has_a_row_and_says_its_tag(tag: str) -> None:
    assert tag in {case.tag for case in CASES}, f"add a row for {tag} to {__file__}"


def test_a_target_of_every_type_that_may_be_one_has_a_row() -> None:
    may = {tag for tag, target in FIELDS.items() if tag not in ("auto", OF_EDGES) and "target" in getattr(load_class(target), "roles", ())}
    assert may == {case.tag for case in CASES if case.is_target}


@pytest.mark.parametrize("tag", FIELDS)
def test_every_field_class_says_its_tag(tag: str) -> None:
    component = load_class(FIELDS[tag])
    assert issubclass(component, Field)
    assert component.model_fields["type"].default == tag
    assert component.__doc__


@every
def test_settings_come_back(case: Case) -> None:
    written = case.field().model_dump(mode="json")
    again = FieldSlot("field type", (FIELDS,)).validate(written)
    assert again == case.field()
    assert again.model_dump(mode="json") == written


@every
def test_tensors_are_what_the_spec_says(case: Case) -> None:
    table = case.table(case.train, case.others)
    fields = case.fit(table)
    spec = fields.inputs["f"]
    assert spec.sizes == case.sizes
    values = values_of(fields.encode(table, with_targets=False))
    assert len(values) == 12
    assert values.dtype == (torch.int64 if spec.kind == "index" else torch.float32)
    assert [found for found, size in zip(values.shape[1:], spec.sizes, strict=True) if not isinstance(size, Ragged)] == [
        size for size in spec.sizes if not isinstance(size, Ragged)
    ]
    assert torch.isfinite(values).all()
    if spec.kind == "index":
        assert 0 <= int(values.min()) <= int(values.max()) < spec.classes


@every
def test_only_the_given_rows_teach(case: Case) -> None:
    one, two = case.table(case.train, case.others), case.table(case.train, case.train)
    assert equal(case.fit(one).state(), case.fit(two).state())
    assert torch.equal(
        values_of(case.fit(one).encode(case.table(case.train), with_targets=False)),
        values_of(case.fit(two).encode(case.table(case.train), with_targets=False)),
    )


@every
def test_state_comes_back_and_encodes_the_same(case: Case) -> None:
    fields = case.fit(case.table(case.train))
    again = FittedFields.restore(DataSettings.parse({"source": "t.csv"}), fields.state())
    assert equal(again.state(), fields.state())
    assert again.inputs == fields.inputs
    rows = case.table(case.others)
    one, two = (inputs_of(found.encode(rows, with_targets=False)) for found in (fields, again))
    assert equal(one, two)


@every
def test_missing_and_unseen_inputs(case: Case) -> None:
    fields = case.fit(case.table(case.train))
    rows = case.table(case.others)
    made = fields.fields[0].plan.field
    missing = made.is_missing(made.read(rows, tuple(case.train)))
    values = values_of(fields.encode(rows, with_targets=False))
    assert not missing[1:].any()
    if case.missing is not None:
        assert missing[0]
        torch.testing.assert_close(values[0].double(), torch.full_like(values[0], case.missing, dtype=torch.float64))
    if case.unseen is not None:
        assert values[5] == case.unseen
        assert not (values[1:5] == case.unseen).any()


@pytest.mark.parametrize("case", [case for case in CASES if case.is_target], ids=lambda case: case.tag)
def test_targets_come_back_in_their_own_unit_and_rows_without_are_left_out(case: Case) -> None:
    table = case.table(case.train, case.others)
    fields = case.fit(table, is_target=True)
    target = fields.targets["f"]
    data = fields.encode(table, with_targets=True)
    unseen = [11] if case.unseen is not None or case.tag in ("multi_label", "tags", "mask") else []
    missing = [] if case.tag in ("image", "mask") else [6]
    assert data.rows.tolist() == [row for row in range(12) if row not in [*missing, *unseen]]
    if case.tag == "notes":
        assert data.target("f")[0].tolist()[0] == [0, 0, 1, 0, 0]  # what follows
        assert data.target("f")[0, 1:].isnan().all()
    elif case.tag == "tags":
        written = [*case.train["a"], *case.others["a"]]
        made = [" ".join(target.decode(row[row >= 0])) for row in data.target("f")]
        assert made == [written[row] for row in data.rows.tolist()]
    elif case.tag == "mask":
        written = np.concatenate([case.train["a"], case.others["a"]])[data.rows.numpy()]
        assert data.target("f").tolist() == np.where(written == 2, -1, written).tolist()  # 2 is ignored
    elif case.tag in ("number", "vector", "image"):
        made = target.decode(data.target("f"))
        wanted = np.concatenate([case.train["a"], case.others["a"]])[data.rows.numpy()]
        np.testing.assert_allclose(np.array(made).reshape(wanted.shape), wanted, rtol=1e-6, atol=1e-6)
    else:
        words = [[*case.train["a"], *case.others["a"]][row] for row in data.rows.tolist()]
        wanted = {
            "boolean": [str(word in ("yes", "1")).lower() for word in words],
            "ordinal": [str(word) for word in words],
            "multi_label": [sorted(str(word).replace(" ", "").split("|")) for word in words],
        }
        assert target.decode(data.target("f")) == wanted.get(case.tag, words)
    again = FittedFields.restore(DataSettings.parse({"source": "t.csv", "target": "f"}), fields.state())
    assert equal(again.encode(table, with_targets=True).target("f").nan_to_num(-1), data.target("f").nan_to_num(-1))


WRITTEN_SOURCES: dict[str, dict[str, Any]] = {
    "adding": {"length": 50, "seed": 3},
    "arrays": {"path": "a.npz", "test": "b.npz"},
    "conll": {"path": "a.conll", "columns": ["tokens", None, "tags"], "comment": "#"},
    "pianoroll": {"path": "a.json"},
    "graph": {"nodes": "nodes.csv", "edges": "edges.csv", "graphs": "graphs.csv", "graph": "molecule", "ends": ["from", "to"]},
    "gymnasium": {"env": "CartPole-v1", "max_moves": 200, "actions": ["left", "right"]},
    "tu": {"path": "MUTAG.zip", "fold": 3},
    "files": {"path": {"image": "images/{id}.jpg", "mask": "masks/{id}.png"}},
    "audio_folder": {"path": "sounds.zip", "test": "more"},
    "image_folder": {"path": "photos.zip", "validation": "more"},
    "builtin": {"name": "digits"},
    "excel": {"path": "a.xlsx", "sheet": "data", "header": 3},
    "jsonl": {"path": "a.jsonl.gz", "test": "b.jsonl"},
    "parquet": {"path": "a.parquet", "missing": ["-"]},
    "rows": {},
    "text": {"path": "a.txt", "validation": "b.txt", "encoding": "latin-1"},
    "csv": {"path": "a.csv", "validation": "b.csv", "missing": ["-"], "decimal": ","},
}


@pytest.mark.parametrize("tag", SOURCES)
def test_every_source_has_a_row_and_comes_back(tag: str) -> None:
    assert tag in WRITTEN_SOURCES, f"add a row for {tag} to {__file__}"
    component = load_class(SOURCES[tag])
    assert issubclass(component, Source)
    assert component.model_fields["type"].default == tag
    assert component.__doc__
    source = Slot("source", (SOURCES,)).validate({"type": tag, **WRITTEN_SOURCES[tag]})
    assert isinstance(source, Source)
    assert Slot("source", (SOURCES,)).validate(source.model_dump(mode="json")) == source
    assert next(iter(source.written_paths())) == "train"
