"""What holds for every field type: settings and state come back, tensors are what the spec says, only the given rows teach."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cases_fields import CASES, Case
from torch import Tensor

from nntrain.data.batches import TensorData, plain_batches
from nntrain.data.fields.field import Field
from nntrain.data.fitted import FittedFields
from nntrain.data.settings import FIELDS, SOURCES, DataSettings, FieldSlot
from nntrain.data.sources.source import Source
from nntrain.schema import Slot, load_class
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK, Ragged

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


NO_COLUMN = ("link", "row")
"""Targets that no column is: tests/unit/data/test_links.py and tests/integration/test_pairs_and_views.py have what they become."""


@pytest.mark.parametrize("tag", [tag for tag in FIELDS if tag not in ("auto", *NO_COLUMN)])
def test_every_field_type_has_a_row_and_says_its_tag(tag: str) -> None:
    assert tag in {case.tag for case in CASES}, f"add a row for {tag} to {__file__}"


def test_a_target_of_every_type_that_may_be_one_has_a_row() -> None:
    may = {
        tag for tag, target in FIELDS.items() if tag not in ("auto", *NO_COLUMN) and "target" in getattr(load_class(target), "roles", ())
    }
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
