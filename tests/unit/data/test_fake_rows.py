"""Made-up rows: whatever the data section says, the files that it asks for can be read and learned from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nntrain.config.reading import read_mapping
from nntrain.data.fake import values
from nntrain.data.fake.assumptions import Assumptions, guesses
from nntrain.data.fake.faking import MadeUp, make_up
from nntrain.data.missing_files import missing_files
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import FIELDS, SOURCES, DataSettings
from nntrain.errors import DataError


def section(**data: Any) -> DataSettings:
    return read_mapping({"data": data}).experiment.data


def made(folder: Path, assumptions: Assumptions | None = None, **data: Any) -> MadeUp:
    return make_up(section(**data), folder, assumptions or Assumptions(), ("data",))


def prepared(folder: Path, assumptions: Assumptions | None = None, **data: Any) -> Prepared:
    return prepare(made(folder, assumptions, **data).settings, folder, seed=0)


TABLES: dict[str, dict[str, Any]] = {
    "target alone": {"source": "rents.csv", "target": "rent"},
    "german": {
        "source": {"path": "a.csv", "decimal": ",", "delimiter": ";", "encoding": "latin-1"},
        "fields": {"x": "number"},
        "target": "y",
    },
    "tabs in utf-16": {"source": {"path": "a.tsv", "delimiter": "\t", "encoding": "utf-16"}, "target": "y"},
    "no header": {"source": {"path": "a.csv", "header": False, "columns": ["a", "b", "c"]}, "target": "b", "fields": {"a": "category"}},
    "numbered columns": {"source": {"path": "a.data", "type": "csv", "header": False}, "target": "column_6"},
    "lines around": {"source": {"path": "a.csv", "header": 3, "skip_after_header": 1, "skip_footer": 2}, "target": "y"},
    "packed": {"source": "a.csv.gz", "target": "y"},
    "zipped": {"source": "a.zip", "target": "y"},
    "three files": {"source": {"path": "train.csv", "validation": "v.csv", "test": "../elsewhere/t.csv"}, "target": "y"},
    "whole path": {"source": "/data/a.csv", "target": "y"},
    "patterns": {"source": "a.csv", "fields": {"V*": "number", "p??": "category", "s": {"type": "series", "columns": "t*"}}, "target": "y"},
    "everything is a number": {"source": "a.csv", "fields": {"*": "number"}, "target": "y"},
    "target by role": {"source": "a.csv", "fields": {"y": {"type": "ordinal", "order": ["low", "mid", "high"], "role": "target"}}},
    "ignored columns": {"source": "a.csv", "fields": {"Name": {"role": "ignore"}, "T*": {"role": "ignore"}}, "target": "y"},
    "groups": {"source": "a.csv", "target": "y", "split": {"by": "group", "column": "street"}},
    "numbered groups": {"source": "a.csv", "target": "y", "fields": {"g": {"type": "number", "role": "group"}}},
    "times": {"source": "a.csv", "target": "y", "fields": {"when": {"type": "date", "format": "%d.%m.%Y", "role": "time"}}},
    "split column": {"source": "a.csv", "target": "y", "split": {"by": "column", "column": "part"}},
    "rows of splits": {"source": "a.csv", "target": "y", "split": {"validation": 300, "test": 200}},
    "weights": {"source": "a.csv", "target": "y", "fields": {"w": {"type": "number", "role": "weight"}}},
    "units": {"source": "a.csv", "target": "y", "fields": {"area": {"type": "number", "strip": " m²"}}},
    "words": {"source": "a.csv", "target": "y", "fields": {"balcony": {"type": "boolean", "true": "ja", "false": "nein"}}},
    "zone": {"source": "a.csv", "target": "y", "fields": {"at": {"type": "date", "time_zone": "Europe/Berlin"}}},
    "labels": {"source": "a.csv", "fields": {"genres": {"type": "multi_label", "separator": ";", "role": "target"}}},
    "renamed": {"source": "a.csv", "target": "y", "fields": {"size": {"column": "Fläche", "type": "number"}}},
    "two targets": {"source": "a.csv", "target": ["y", "z"], "fields": {"z": "number"}},
    "lines": {"source": "a.jsonl", "target": "y", "fields": {"v": "vector", "s": {"type": "series", "columns": "t*"}}},
    "packed lines": {"source": "a.jsonl.gz", "target": "y"},
    "parquet": {"source": "a.parquet", "target": "y", "fields": {"v": "vector", "c": "category", "when": "date"}},
    "workbook": {"source": {"path": "a.xlsx", "sheet": "rents", "header": 2}, "target": "y", "fields": {"x": "number", "c": "category"}},
    "arrays": {
        "source": "a.npz",
        "target": "y",
        "fields": {"image": {"type": "image", "size": 12, "channels": 1}, "v": "vector", "s": "series"},
    },
    "rows of different lengths": {"source": "a.npz", "target": "y", "fields": {"s": {"type": "series", "values": "v", "lengths": "n"}}},
    "windows": {"source": "a.csv", "fields": {"y": {"type": "number", "role": ["input", "target"]}}, "window": {"past": 30, "gap": 2}},
    "windows of groups": {
        "source": "a.csv",
        "target": "y",
        "fields": {"y": "number", "x": "number", "g": {"type": "category", "role": "group"}, "t": {"type": "date", "role": "time"}},
        "window": {"past": 6, "horizon": 3},
        "split": {"by": "time"},
    },
    "sentences of a table": {"source": "a.csv", "target": "y", "fields": {"comment": {"type": "text", "lowercase": True}}},
    "tags of a table": {
        "source": "a.csv",
        "fields": {"tokens": {"type": "text", "tokenizer": "space"}, "tags": {"type": "tags", "of": "tokens", "role": "target"}},
    },
    "notes": {"source": {"type": "pianoroll", "path": "a.json"}, "fields": {"notes": {"type": "notes", "role": ["input", "target"]}}},
    "sentences of blocks": {
        "source": {"type": "conll", "path": "a.conll", "columns": ["tokens", "tags"]},
        "fields": {"tokens": {"type": "text", "tokenizer": "space"}, "tags": {"type": "tags", "of": "tokens", "role": "target"}},
    },
    "sounds of a table": {"source": "a.csv", "target": "y", "fields": {"wav": {"type": "audio", "length": 0.5}}},
    "pictures of a table": {"source": "a.csv", "target": "y", "fields": {"photo": {"type": "image", "size": 16}}},
}
SETS: dict[str, dict[str, Any]] = {
    "folder": {"source": {"type": "image_folder", "path": "photos"}},
    "zip": {"source": {"type": "image_folder", "path": "mnist10k/mnist10k.zip"}, "fields": {"image": {"type": "image", "channels": 1}}},
    "folders of parts": {"source": {"type": "image_folder", "path": "a/train", "validation": "a/val.zip"}, "split": {"test": None}},
    "given": {"source": {"type": "image_folder", "path": "photos"}, "split": {"by": "column"}},
    "folder of sounds": {"source": {"type": "audio_folder", "path": "sounds"}, "fields": {"audio": {"type": "audio", "length": 0.1}}},
    "pattern of sounds": {"source": {"type": "files", "path": "a/{label}/*.wav"}, "fields": {"audio": {"type": "audio", "length": 0.1}}},
    "named classes": {
        "source": {"type": "image_folder", "path": "p"},
        "fields": {"label": {"type": "category", "classes": ["ant", "bee"]}},
    },
    "pattern": {"source": {"type": "files", "path": "a/{split}/{label}/*.jpg"}},
    "pattern in a zip": {"source": {"type": "files", "path": "a.zip/{label}/{id}.png"}},
    "pairs": {"source": {"type": "files", "path": {"left": "l/{label}/{id}.png", "right": "r/{label}/{id}.png"}}},
    "number in the name": {"source": {"type": "files", "path": "{age}_{id}.png"}, "target": "age", "fields": {"age": "number"}},
    "running text": {"source": {"type": "text", "path": "books/a.txt", "validation": "b.txt"}, "window": 16},
    "mnist": {"source": {"type": "builtin", "name": "mnist", "path": "mnist"}},
    "cifar10": {"source": {"type": "builtin", "name": "cifar10", "path": "../cifar"}},
    "cifar100": {"source": {"type": "builtin", "name": "cifar100", "path": "cifar100.npz"}},
}


@pytest.mark.parametrize("data", [*TABLES.values(), *SETS.values()], ids=[*TABLES, *SETS])
def test_rows_can_be_read(data: dict[str, Any], tmp_path: Path) -> None:
    for word, package in {".xlsx": "openpyxl", "'audio'": "soundfile"}.items():
        if word in str(data):
            pytest.importorskip(package)
    folder = tmp_path / "rows"
    found = prepared(folder, **data)
    assert found.layout.inputs
    assert len(found.train) >= 200
    assert [file for file in tmp_path.rglob("*") if not file.is_relative_to(folder)] == []
    for name, target in found.fields.targets.items():
        if target.spec.kind == "index" and target.classes:
            for rows in found.splits.values():
                shown = rows.target(name).numpy()
                assert len(np.unique(shown[shown >= 0])) == len(target.classes), "every class in every split"


def test_every_type_of_field_is_made_up() -> None:
    tried = {
        field if isinstance(field, str) else field.get("type", "auto")
        for data in TABLES.values()
        for field in data.get("fields", {}).values()
    }
    # Of a graph, beside images and of no column: tests/configs/test_examples.py makes some up.
    assert tried == set(FIELDS) - {"link", "mask", "row"}
    sources = {section(**data).source.type for data in [*TABLES.values(), *SETS.values()]}
    without_a_file, graphs = {"rows", "adding", "gymnasium"}, {"graph", "tu"}  # graphs: tests/configs/test_examples.py makes some up
    assert sources == set(SOURCES) - without_a_file - graphs


def test_rows_are_the_same_each_time(tmp_path: Path) -> None:
    data = TABLES["patterns"]
    for name in ("one", "two"):
        made(tmp_path / name, **data)
    assert (tmp_path / "one" / "a.csv").read_bytes() == (tmp_path / "two" / "a.csv").read_bytes()
    made(tmp_path, **TABLES["three files"])
    assert (tmp_path / "train.csv").read_bytes() != (tmp_path / "v.csv").read_bytes()


@pytest.mark.parametrize("target", ["number", "category", "boolean"])
def test_the_target_depends_on_the_inputs(target: Any, tmp_path: Path) -> None:
    found = prepared(tmp_path, Assumptions(target=target), source="a.csv", target="y").train
    columns = torch.cat([tensor.float() for tensor in found.inputs.values()], dim=1).numpy()
    inputs = np.concatenate([columns, columns**2, np.ones((len(columns), 1))], axis=1)
    y = found.targets["y"].float().numpy().reshape(len(inputs), -1)
    assert (y - inputs @ (np.linalg.pinv(inputs) @ y)).var() < 0.35 * y.var()


def test_images_and_series_depend_on_the_hidden_number() -> None:
    rows = values.Rows.of(200, 0, Assumptions())
    brightest = values.bars(rows, 1, 16, 16).sum(axis=(1, 2)).argmax(axis=1) / 16
    assert np.corrcoef(brightest, rows.hidden)[0, 1] > 0.95
    assert abs(np.corrcoef(values.matrix(rows, 40, 0).mean(axis=1), rows.hidden)[0, 1]) > 0.8


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"source": {"type": "files", "path": "a/{label}/{id}.mid"}}, "no rows can be made up for .mid files"),
        ({"source": {"type": "files", "path": "a/{label}.png"}}, "several would be the same file"),
        ({"source": "a.csv", "target": "y", "fields": {"s": {"type": "series", "values": "v", "lengths": "n"}}}, "stand in a .npz file"),
        ({"source": "a.csv", "target": "y", "fields": {"d": {"type": "date", "format": "%Y", "time_zone": "UTC"}}}, "with an offset"),
    ],
)
def test_what_nothing_makes_up_is_told_in_a_line(data: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message) as error:
        made(tmp_path, **data)
    assert error.value.hint


def test_files_that_are_there_are_not_missing(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("x,y\n1,2\n")
    (tmp_path / "folder.csv").mkdir()
    assert missing_files(section(source="train.csv", target="y"), tmp_path) == ()
    assert missing_files(section(source={"path": "train.csv", "test": "test.csv"}, target="y"), tmp_path) == ("test.csv",)
    assert missing_files(section(source={"type": "builtin", "name": "digits"}), tmp_path) == ()
    with pytest.raises(DataError, match="is a folder"):
        missing_files(section(source="folder.csv", target="y"), tmp_path)


def test_guesses_begin_with_the_plainest_and_vary_only_what_is_open() -> None:
    first, *others = guesses(section(source="a.csv", target="y", fields={"s": {"type": "series", "columns": "t*"}}), [64, 10])
    assert first == Assumptions()
    assert {guess.target for guess in others} == {"category", "boolean", "number"}
    assert {10, 64} <= {guess.classes for guess in others}
    assert {guess.size for guess in others} == {32}
    assert list(guesses(section(source="a.csv", target="y", fields={"y": "number"}), [10])) == [Assumptions()]
