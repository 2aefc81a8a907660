"""Classes that masks were found to have: told with their share of the pixels, and refused where they look like damage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pictures

from nntrain.data.file_store import FileStore
from nntrain.data.masks import classes_fix
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import DataError

ROWS = 12


def masks(folder: Path, *, suffix: str = "png", stray: int | None = None, noise: int = 0) -> None:
    """Images with a bright square, and masks that hold 255 there."""
    random = np.random.default_rng(0)
    for part in ("image", "mask"):
        (folder / part).mkdir()
    for row in range(ROWS):
        mask = np.zeros((16, 16), np.uint8)
        mask[row % 8 : row % 8 + 6, 3:9] = 255
        Pictures.fromarray(mask // 2).save(folder / "image" / f"{row}.png")
        if row == 3 and stray is not None:
            mask[0, 15] = stray
        mask += (random.integers(0, noise + 1, mask.shape) * (mask == 0)).astype(np.uint8)
        Pictures.fromarray(mask).save(folder / "mask" / f"{row}.{suffix}", quality=60)  # which PNG has no use for


def prepared(folder: Path, seed: int = 0, suffix: str = "png", **field: Any) -> Prepared:
    path = {"image": "image/{id}.png", "mask": f"mask/{{id}}.{suffix}"}
    fields = {"image": "image", "mask": {"type": "mask", "role": "target", **field}}
    return prepare(DataSettings.parse({"source": {"type": "files", "path": path}, "fields": fields}), folder, seed=seed)


def test_the_classes_that_were_found_are_told(tmp_path: Path) -> None:
    masks(tmp_path)
    assert any(note == "mask: 2 classes by the values of the pixels: 0 (86%), 255 (14%)" for note in prepared(tmp_path).notes)
    named = prepared(tmp_path, classes={"0": "ground", "255": "cell"})
    assert not any("by the values of the pixels" in note for note in named.notes)


def test_a_pixel_that_is_off_is_no_class_whatever_the_split(tmp_path: Path) -> None:
    masks(tmp_path, stray=137)
    for seed in range(3):
        with pytest.raises(DataError, match=r"so rarely that they look like damage: 137 in 1 of 3,072 pixels \(mask/3\.png\)") as told:
            prepared(tmp_path, seed)
        assert "ignore: [137]" in (told.value.hint or "")
        assert "classes: {0: 0, 137: 137, 255: 255}" in (told.value.hint or "")
    assert prepared(tmp_path, ignore=137).fields.targets["mask"].classes == ("0", "255")
    rare = prepared(tmp_path, classes={"0": "0", "137": "137", "255": "255"})
    assert rare.fields.targets["mask"].classes == ("0", "137", "255")


def test_masks_that_jpeg_changed_are_refused(tmp_path: Path) -> None:
    masks(tmp_path, suffix="jpg", noise=2)
    with pytest.raises(DataError, match=r"are JPEG files \(mask/0\.jpg, .* that hold \d+ values") as told:
        prepared(tmp_path, suffix="jpg")
    assert "save masks as PNG" in (told.value.hint or "")


def test_a_fix_is_yaml() -> None:
    assert classes_fix({0: "wall", 2**24 + 0xFF0000: "a car", 7: "no"}) == 'classes: {0: wall, "#ff0000": "a car", 7: "no"}'


def test_rows_that_are_left_out_are_told_with_what_they_hold(tmp_path: Path) -> None:
    masks(tmp_path)
    fields = prepared(tmp_path, ignore=9).fields
    for row in (2, 5):
        Pictures.fromarray(np.full((16, 16), 3 + row, np.uint8)).save(tmp_path / "mask" / f"{row}.png")
    names = {part: pl.Series(part, [f"{part}/{row}.png" for row in range(ROWS)]) for part in ("image", "mask")}
    numbers = pl.Series("id", [str(row) for row in range(ROWS)])
    data, notes = fields.encode_noted(Table("t", {**names, "id": numbers}, ROWS, store=FileStore(tmp_path)), with_targets=True)
    assert len(data) == ROWS - 2
    assert notes[0].endswith("left out (rows 2, 5): their pixels hold 5, 8, and training showed pixels of 0, 255, and 9 counts nothing")


def test_masks_of_several_sizes_get_that_of_the_images_beside(tmp_path: Path) -> None:
    masks(tmp_path)
    Pictures.fromarray(np.zeros((8, 4), np.uint8)).save(tmp_path / "mask" / "7.png")
    with pytest.raises(DataError, match=r"2 sizes \(height x width\): 16 x 16 .*, 8 x 4 \(mask/7\.png\)") as told:
        prepared(tmp_path)
    assert told.value.hint == "fix:  fields: {mask: {type: mask, size: 16}}"
