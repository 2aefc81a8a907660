"""Masks: what pixels of files and arrays hold, which classes that stands for, and what is told of values that are none."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pictures

from nntrain.data.fields.mask import Mask, pixel_value, pixel_word
from nntrain.data.file_store import FileStore
from nntrain.data.header import HeaderColumn
from nntrain.data.mask_rows import UNCOUNTED
from nntrain.data.masks import check_shown, decode_mask, nearest
from nntrain.data.settings import FIELD_SLOT
from nntrain.data.table import Table
from nntrain.errors import DataError, SpecError
from nntrain.specs import Unknown

CLASSES = np.array([[0, 0, 1, 2], [0, 1, 1, 2]], dtype=np.uint8)

GREENISH = np.stack([0 * CLASSES, 254 * (CLASSES > 0).astype(np.uint8), 0 * CLASSES], axis=2)


def field(**options: Any) -> Mask:
    made = FIELD_SLOT.validate({"type": "mask", "role": "target", **options})
    assert isinstance(made, Mask)
    return made


def png(pixels: np.ndarray, mode: str | None = None, palette: list[int] | None = None) -> bytes:
    picture = Pictures.fromarray(pixels, mode)
    if palette is not None:
        picture.putpalette(palette)
    content = io.BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()


def folder_of(folder: Path, *masks: np.ndarray) -> Table:
    names = [f"{row}.png" for row in range(len(masks))]
    for name, mask in zip(names, masks, strict=True):
        (folder / name).write_bytes(png(mask))
    return Table("t", {"m": pl.Series("m", names)}, len(names), store=FileStore(folder))


def indices(made: Mask, table: Table) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Indices, names of the classes, and rows with values that training never showed."""
    values = made.read(table, ("m",))
    state = made.fit(values, is_target=True)
    encoded = made.encode(values, state, is_target=True)
    assert encoded.unknown is not None
    return encoded.values, state["classes"], encoded.unknown


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (png(CLASSES), CLASSES),
        (png(CLASSES, palette=[0, 0, 0, 255, 0, 0, 0, 255, 0]), CLASSES),
        (png(np.stack([CLASSES] * 3, axis=2)), CLASSES),
        (png(np.stack([CLASSES, CLASSES, CLASSES, 0 * CLASSES + 9], axis=2)), CLASSES),
        (png(CLASSES.astype(np.uint16)), CLASSES),
        (png((CLASSES > 0).astype(bool)), (CLASSES > 0).astype(np.uint8)),
        (png(CLASSES.astype(np.uint16) * 1000), CLASSES.astype(np.int32) * 1000),
    ],
    ids=["gray", "palette", "gray as colours", "transparent", "16 bits", "1 bit", "large"],
)
def test_what_pixels_of_a_file_hold(content: bytes, wanted: np.ndarray) -> None:
    found = decode_mask(content, "m.png", None)
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, wanted)


def test_colours_are_told_from_gray_values(tmp_path: Path) -> None:
    red, black = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2, 3), np.uint8)
    red[0, :, 0] = 255
    table = folder_of(tmp_path, red, black)
    found, names, unknown = indices(field(), table)
    assert names == ["#000000", "#ff0000"]
    assert found.tolist() == [[[1, 1], [0, 0]], [[0, 0], [0, 0]]]
    assert not unknown.any()
    named = field(classes={"#ff0000": "car", "#000000": "road"})
    assert indices(named, table)[0].tolist() == [[[0, 0], [1, 1]], [[1, 1], [1, 1]]]
    state = named.fit(named.read(table, ("m",)), is_target=True)
    plain = folder_of(tmp_path, black[:, :, 0])
    assert named.encode(named.read(plain, ("m",)), state, is_target=True).values.tolist() == [[[1, 1], [1, 1]]]
    assert pixel_word(pixel_value("#0aff10")) == "#0aff10"


def test_classes_are_found_named_and_ignored(tmp_path: Path) -> None:
    table = folder_of(tmp_path, CLASSES * 100, CLASSES)
    assert indices(field(), table)[1] == ["0", "1", "2", "100", "200"]
    first = folder_of(tmp_path, CLASSES * 100)
    assert indices(field(classes={"0": "wall", "100": "cell", "200": "core"}), first)[1] == ["wall", "cell", "core"]
    found, names, _ = indices(field(ignore=100), first)
    assert names == ["0", "200"]
    assert found.tolist() == [[[0, 0, 255, 1], [0, 255, 255, 1]]]
    assert indices(field(classes={"200": "core", "0": "wall"}, ignore=100), first)[0].tolist() == [[[1, 1, 255, 0], [1, 255, 255, 0]]]
    assert indices(field(classes=3), folder_of(tmp_path, CLASSES))[1] == ["0", "1", "2"]


def test_a_row_with_a_value_that_training_never_showed_is_set_apart(tmp_path: Path) -> None:
    made = field()
    state = made.fit(made.read(folder_of(tmp_path, CLASSES % 2), ("m",)), is_target=True)
    encoded = made.encode(made.read(folder_of(tmp_path, CLASSES, CLASSES % 2), ("m",)), state, is_target=True)
    assert encoded.unknown is not None
    assert encoded.unknown.tolist() == [True, False]
    assert (encoded.values[0] == UNCOUNTED).tolist() == (CLASSES == 2).tolist(), "it is taken for no class"


@pytest.mark.parametrize(("options", "is_told"), [({}, True), ({"ignore": 2}, False)])
def test_a_value_that_training_never_showed_is_named_with_its_file(options: Any, tmp_path: Path, *, is_told: bool) -> None:
    made = field(**options)
    state = made.fit(made.read(folder_of(tmp_path, CLASSES % 2), ("m",)), is_target=True)
    table = folder_of(tmp_path, CLASSES % 2, CLASSES)
    values = made.read(table, ("m",))
    encoded = made.encode(values, state, is_target=True)
    assert encoded.unknown is not None
    if not is_told:
        check_shown(made, table, "m", values, encoded.unknown, state)
        assert (encoded.values[1] == UNCOUNTED).tolist() == (CLASSES == 2).tolist()
        return
    with pytest.raises(DataError, match=r"t: m: 1.png holds 2, and training showed pixels of 0, 1") as told:
        check_shown(made, table, "m", values, encoded.unknown, state)
    assert "ignore: 2" in (told.value.hint or "")


@pytest.mark.parametrize("size", [(3, 3), (10, 4), (2, 7)])
def test_resizing_takes_the_nearest_pixel_as_pillow_does(size: tuple[int, int]) -> None:
    mask = np.arange(30, dtype=np.uint8).reshape(5, 6)
    wanted = Pictures.fromarray(mask).resize((size[1], size[0]), Pictures.Resampling.NEAREST)
    np.testing.assert_array_equal(nearest(mask, size), np.asarray(wanted))
    found = decode_mask(png(mask), "m.png", size)
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, nearest(mask, size))


@pytest.mark.parametrize("shape", [(2, 2, 4), (2, 1, 2, 4), (2, 2, 4, 1)])
@pytest.mark.parametrize("kind", ["uint8", "int64", "float32"])
def test_arrays_of_masks(shape: tuple[int, ...], kind: str) -> None:
    masks = np.stack([CLASSES, CLASSES[::-1]]).astype(kind).reshape(shape)
    found, names, _ = indices(field(), Table("t", {"m": masks}, 2))
    assert found.tolist() == [CLASSES.tolist(), CLASSES[::-1].tolist()]
    assert names == ["0", "1", "2"]


def test_cells_that_hold_files() -> None:
    table = Table("t", {"m": pl.Series("m", [png(CLASSES), png(CLASSES * 0)], dtype=pl.Binary)}, 2)
    assert indices(field(), table)[0].tolist() == [CLASSES.tolist(), (CLASSES * 0).tolist()]


@pytest.mark.parametrize(
    ("options", "masks", "message", "hint"),
    [
        ({"classes": 2}, [CLASSES // 2 * 255], "pixels that hold 0, 1; 0.png holds 255", "classes: {0: 0, 255: 1}"),
        ({"classes": {"0": "a", "1": "b"}}, [CLASSES], "0.png holds 2", "ignore: VALUE"),
        ({"classes": {"2": "b", "0": "a", "7": "c"}}, [CLASSES], "0.png holds 1", "classes: {2: b, 0: a, 1: c}"),
        ({"classes": {"#00ff00": "grass", "#000000": "road"}}, [GREENISH], "holds #00fe00", 'classes: {"#00fe00": grass, "#000000": road}'),
        ({"classes": {"#00ff00": "grass", "#010101": "road"}}, [GREENISH], "holds #000000, #00fe00", "ignore: VALUE"),
        ({}, [CLASSES, CLASSES[:, :2]], "2 sizes (height x width): 2 x 4 (0.png), 2 x 2 (1.png)", "size: 2}"),
        ({}, [CLASSES * 0], "show 0 alone: there is nothing to learn", None),
        ({}, [np.arange(256, dtype=np.uint8).reshape(16, 16)], "hold 256 values, and a mask has at most 255 classes", "JPEG"),
    ],
)
def test_what_is_no_mask_is_told(options: Any, masks: list[np.ndarray], message: str, hint: str | None, tmp_path: Path) -> None:
    made, table = field(**options), folder_of(tmp_path, *masks)
    with pytest.raises(DataError) as told:
        made.fit(made.read(table, ("m",)), is_target=True)
    assert message in told.value.message
    assert hint is None or hint in (told.value.hint or "")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    table = folder_of(tmp_path, CLASSES, CLASSES)
    (tmp_path / "1.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"1 of 2 images cannot be read:\n   1.png: no image, or damaged"):
        field().read(table, ("m",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": ["a", "a"]}, "names each class once"),
        ({"classes": {"0": "a", "255": "b"}, "ignore": 255}, "255 is a value of a class and in ignore"),
        ({"classes": {"0": "a", "red": "b"}}, "'red' is neither a gray value"),
        ({"classes": {"0": "a", "#ff0000": "b"}}, "has gray values and colours"),
        ({"ignore": "none"}, "'none' is neither a gray value"),
    ],
)
def test_settings_that_contradict_each_other(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        field(**options)


def test_specs() -> None:
    assert str(field(classes=3, size=8).plan_spec("m", None, is_target=True)) == "index [8, 8] of 3"
    assert field().plan_spec("m", None, is_target=True).sizes == (Unknown("height of m"), Unknown("width of m"))
    with pytest.raises(SpecError, match="a mask is an array"):
        field().plan_spec("m", [HeaderColumn("m", (4,), "int")], is_target=True)
