"""Images that a table names and that are not there: told with the column and the line, kept in memory or streamed."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError


def settings(folder: Path, cells: list[str], *, streaming: bool = False) -> DataSettings:
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "a.png")
    (folder / "t.csv").write_text("\n".join(["photo,y", *(f"{cell},{row % 2}" for row, cell in enumerate(cells))]))
    return DataSettings.parse({"source": "t.csv", "target": "y", "fields": {"photo": {"type": "image", "size": 4}}, "streaming": streaming})


@pytest.mark.parametrize("streaming", [False, True])
def test_a_missing_file_is_told_with_its_column_and_line(tmp_path: Path, *, streaming: bool) -> None:
    made = settings(tmp_path, ["a.png"] * 25 + ["lost.png"], streaming=streaming)
    with pytest.raises(DataError, match=r"t\.csv: photo: 1 of 26 images cannot be read:\n   line 27: no file .*lost\.png") as told:
        prepare(made, tmp_path, seed=0)
    assert told.value.hint == "repair or remove them"


def test_an_empty_cell_is_told_with_its_line_and_a_fix(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv: photo names no image in line 27") as told:
        prepare(settings(tmp_path, ["a.png"] * 25 + [""]), tmp_path, seed=0)
    assert told.value.hint == "remove these rows, or name an image"
