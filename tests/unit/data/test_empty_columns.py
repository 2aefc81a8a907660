"""Columns without any value."""

from pathlib import Path

import pytest

from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError


@pytest.mark.parametrize("missing", ["mean", "median", 0.0])
def test_a_number_that_no_row_has_is_refused(tmp_path: Path, missing: str | float) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["x,z,y", *(f",{row},{row % 7}" for row in range(30))]))
    data = {"source": "t.csv", "target": "y", "fields": {"x": {"type": "number", "missing": missing}, "y": "number"}}
    with pytest.raises(DataError, match=r"t\.csv: x has no value in the 24 training rows") as told:
        prepare(DataSettings.parse(data), tmp_path, seed=0)
    assert told.value.hint == "fix:  fields: {x: {role: ignore}}"
