"""Tables with a row for each step of a series."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.data.preparing import Prepared, prepare
from nntrain.data.reading import read_tables
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError

STEPS = "id,t,x0,x1\na,2,3,6\nb,1,7,8\na,1,1,4\na,3,5,\nb,2,9,10\nc,1,0,0\n"
LABELS = "id,label\nc,no\nb,yes\na,no\n"


def settings(**source: Any) -> DataSettings:
    fields = {"motion": {"columns": "x*", "by": "id", "order": "t", "normalize": "none"}, "label": {"type": "category", "role": "target"}}
    return DataSettings.model_validate(
        {"source": {"path": "a.csv", **source}, "fields": fields, "split": {"validation": None, "test": None}}
    )


def prepared(folder: Path, steps: str, labels: str | None = None) -> Prepared:
    (folder / "a.csv").write_text(steps)
    if labels is not None:
        (folder / "a_labels.csv").write_text(labels)
    return prepare(settings(**({} if labels is None else {"labels": "*_labels.csv"})), folder, seed=0)


def refusal(folder: Path, steps: str, labels: str | None = None) -> str:
    with pytest.raises(DataError) as caught:
        prepared(folder, steps, labels)
    return str(caught.value)


def test_steps_of_an_id_are_one_row_in_their_order(tmp_path: Path) -> None:
    found = prepared(tmp_path, STEPS, LABELS).train
    packed = found.stored["motion"].tensors("motion")
    assert packed["motion.lengths"].tolist() == [3, 2, 1]
    mean = np.mean([6, 8, 4, 10, 0])
    np.testing.assert_allclose(packed["motion"][0].numpy(), np.array([[1, 4], [3, 6], [5, mean]]), rtol=1e-6)
    assert packed["motion"][1, :2].tolist() == [[7, 8], [9, 10]]
    assert found.targets["label"].tolist()[0] == found.targets["label"].tolist()[2] != found.targets["label"].tolist()[1]


def test_label_may_stand_in_every_step(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,t,x0,label\na,1,1,no\na,2,2,no\nb,1,3,yes\n")
    table = read_tables(settings(), tmp_path)["train"]
    assert table.texts("label").to_list() == ["no", "yes"]
    assert table.lines is not None
    assert table.lines.tolist() == [2, 4]


def test_faults_name_file_and_line(tmp_path: Path) -> None:
    changing = refusal(tmp_path, "id,t,x0,label\na,1,1,no\nb,1,3,yes\nb,2,2,no\n")
    assert "a.csv: label changes within id 'b': 'yes' and 'no' (lines 3, 4)" in changing
    assert "id 'a' has two steps at t '1' (lines 2, 3)" in refusal(tmp_path, "id,t,x0,label\na,1,1,no\na,1,2,no\n")
    assert "id is missing in line 3" in refusal(tmp_path, "id,t,x0,label\na,1,1,no\n,2,2,no\n")
    assert "line 3 'cold'" in refusal(tmp_path, "id,t,x0,label\na,1,1,no\na,2,cold,no\na,3,2,no\n")
    assert "a_labels.csv: no row of id 'c'" in refusal(tmp_path, STEPS, "id,label\na,no\nb,yes\n")
    assert "a_labels.csv: id 'a' stands twice (lines 2, 3)" in refusal(tmp_path, STEPS, "id,label\na,no\na,yes\nb,no\nc,no\n")


def test_settings_go_together() -> None:
    with pytest.raises(ValueError, match="no series field says by"):
        DataSettings.model_validate({"source": {"path": "a.csv", "labels": "b.csv"}})
    with pytest.raises(ValueError, match="goes with by"):
        DataSettings.model_validate({"source": "a.csv", "fields": {"m": {"type": "series", "columns": "x*", "order": "t"}}})


def test_ids_that_are_ignored_still_tell_series_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,t,x0,label\na,1,1,no\na,2,2,no\nb,1,3,yes\n")
    data = settings()
    ignored = DataSettings.model_validate({**data.model_dump(exclude_unset=True), "fields": {**data.fields, "id": {"role": "ignore"}}})
    assert read_tables(ignored, tmp_path)["train"].rows == 2
