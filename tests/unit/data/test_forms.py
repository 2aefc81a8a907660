"""How predictions are written, by the form that the field of their target has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import polars as pl
import pytest
from PIL import Image as Pillow

from nntrain.commands.predicting.prediction_forms import check_forms, samples_file, target_files, write_arrays, write_folder
from nntrain.data import images
from nntrain.data.field_plan import FieldPlan
from nntrain.data.fields.field import Decoded
from nntrain.data.fields.image import Image
from nntrain.data.fields.mask import Mask
from nntrain.data.fitted import FittedField, FittedFields
from nntrain.data.forms.drawing import COLORS, draw_overlay, shown
from nntrain.data.forms.form import CELLS, Beside, File, Form
from nntrain.data.forms.masks import Masks, file_names
from nntrain.data.forms.pictures import Pictures
from nntrain.data.table import Table
from nntrain.errors import ResourceError, UsageError
from nntrain.specs import IMAGE, MASK, Spec

NOWHERE = Beside(cast("Any", None), Table("t", {}, 2), (0, 1))


@dataclass(frozen=True, slots=True)
class Melodies(Form):
    """What a field type of another author might predict: a file each, and nothing that a cell holds."""

    plural: ClassVar[str] = "melodies"
    in_cells: ClassVar[bool] = False
    each: ClassVar[str | None] = "a score"

    def files(self, found: Decoded, beside: Beside) -> Iterator[File]:
        return ((f"{row}.abc", " ".join(notes).encode()) for row, notes in zip(beside.rows, found.values, strict=True))


def test_a_form_of_ones_own_is_written_without_a_word_in_a_command(tmp_path: Path) -> None:
    found = {"tune": Decoded((["c", "d"], ["e"]), form=Melodies()), "mood": Decoded(("sad", "gay"))}
    forms = {name: decoded.form for name, decoded in found.items()}
    check_forms(tmp_path / "out", None, forms, "run")
    assert write_folder(tmp_path / "out", target_files(found, NOWHERE)) == 2
    assert (tmp_path / "out" / "0.abc").read_bytes() == b"c d"
    with pytest.raises(UsageError, match=r"run predicts melodies \(tune\), which no text table holds") as told:
        check_forms(tmp_path / "out.csv", None, forms, "run")
    assert told.value.hint is not None
    assert told.value.hint.startswith("a score each: -o FOLDER   or from Python")
    with pytest.raises(UsageError, match="written as arrays only"):
        check_forms(tmp_path / "out.npz", None, forms, "run")


def test_several_targets_have_their_names_in_those_of_the_files() -> None:
    image = np.zeros((1, 2, 2), np.float32)
    found = {"a": Decoded((image, image), form=Pictures()), "b": Decoded((image, image), form=Pictures())}
    assert [name for name, _ in target_files(found, NOWHERE)] == ["000.a.png", "001.a.png", "000.b.png", "001.b.png"]


def test_targets_whose_names_no_file_can_have_are_written_apart(tmp_path: Path) -> None:
    image = np.zeros((1, 2, 2), np.float32)
    found = {name: Decoded((image,), form=Pictures()) for name in ("left/right", "left_right", "up\\down", "nul\0")}
    assert write_folder(tmp_path / "out", target_files(found, NOWHERE)) == 4
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["000.left%2Fright.png", "000.left_right.png", "000.nul%00.png", "000.up%5Cdown.png"]


@pytest.mark.parametrize(
    ("output", "overlay", "form", "message"),
    [
        ("full", None, Masks((0, 1)), "the folder .*full is not empty"),
        ("out", "full", Masks((0, 1)), "the folder .*full is not empty"),
        ("out", "out", Masks((0, 1)), "are one folder"),
        (None, "out", CELLS, "run predicts no masks"),
        (None, "out.png", Masks((0, 1)), "--overlay needs a folder"),
        ("out", None, CELLS, "-o needs a file"),
        ("out.npz", None, CELLS, "only where they are images or masks"),
        (None, None, Pictures(), "images .y., which no text table holds"),
    ],
)
def test_what_does_not_hold_them_is_refused(output: str | None, overlay: str | None, form: Form, message: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.png").touch()
    where = [None if name is None else tmp_path / name for name in (output, overlay)]
    with pytest.raises(UsageError, match=message):
        check_forms(where[0], where[1], {"y": form}, "run")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(ResourceError):
        write_folder(tmp_path / "out", [("a/b.png", b"1"), ("a/b.png", b"2")])
    assert list(tmp_path.iterdir()) == []
    assert write_folder(tmp_path / "out", [("a/b.png", b"1"), ("c/b.png", b"2")]) == 2
    assert (tmp_path / "out" / "c" / "b.png").read_bytes() == b"2"


def test_a_folder_that_another_program_has_beside_it_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / f".out-{os.getpid()}.tmp"
    other.mkdir()
    (other / "theirs.png").touch()
    assert write_folder(tmp_path / "out", [("a.png", b"1")]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [other.name, "out"]
    assert (other / "theirs.png").exists()
    assert (tmp_path / "out").stat().st_mode == other.stat().st_mode, "a folder as all others"


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["all/a/x.png", "all/b/x.jpg"], ["a/x.png", "b/x.png"]),
        (["x.png", "x.jpg"], ["x.png.png", "x.jpg.png"]),
        (["d/x.png", "d/X.PNG"], ["00004_x.png.png", "00007_X.PNG.png"]),
        (["d/../x.png", "d/x.png"], ["00004_x.png.png", "00007_x.png.png"]),
        (["x.png", "x.png"], ["00004_x.png.png", "00007_x.png.png"]),
    ],
    ids=["folders", "endings", "capitals", "up and down", "twice"],
)
def test_files_of_one_name_stay_apart(names: list[str], wanted: list[str]) -> None:
    assert file_names(names, (4, 7)) == wanted


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_images_of_any_number_of_channels_are_shown_as_people_see_them(channels: int) -> None:
    image = np.stack([np.full((2, 3), 10 * (place + 1), np.uint8) for place in range(channels)])
    drawn = shown(image)
    assert drawn.shape == (2, 3, 3)
    assert drawn[0, 0].tolist() == ([10, 20, 30] if channels > 2 else [10, 10, 10])
    np.testing.assert_array_equal(shown(image.astype(np.float32) / 255), drawn)


def test_vectors_are_a_column_each_and_a_hint_names_what_holds_them(tmp_path: Path) -> None:
    found = Decoded((np.array([0.5, 1.0], np.float32), np.array([2.0, 4.0], np.float32)))
    assert found.form.columns(found) == {"prediction_0": (0.5, 2.0), "prediction_1": (1.0, 4.0)}
    assert samples_file([CELLS]) == "samples.csv"
    assert samples_file([Pictures()]) == "samples.png"
    assert samples_file([Pictures(), Pictures()]) == "samples.npz"
    write_arrays(tmp_path / "a.npz", {"y": found})
    with np.load(tmp_path / "a.npz") as written:
        np.testing.assert_array_equal(written["y"], [[0.5, 1.0], [2.0, 4.0]])


def test_outlines_of_large_images_are_as_wide_on_every_side() -> None:
    mask = np.zeros((800, 800), np.uint8)
    mask[200:600, 200:600] = 1
    drawn = (np.asarray(draw_overlay(np.full((800, 800, 3), 100, np.uint8), mask, None)) == COLORS[1]).all(axis=2)
    assert np.flatnonzero(drawn[400]).tolist() == [198, 199, 598, 599]
    assert np.flatnonzero(drawn[:, 400]).tolist() == [198, 199, 598, 599]


@pytest.mark.parametrize("kind", ["cells", "array"])
def test_masks_have_the_size_of_images_in_a_table(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.zeros((3, 20, 30), np.uint8)
    files = [BytesIO() for _ in pixels]
    for file, image in zip(files, pixels, strict=True):
        Pillow.fromarray(image).save(file, format="PNG")
    column = pl.Series("image", [file.getvalue() for file in files]) if kind == "cells" else pixels
    image = FieldPlan("image", Image(size=8), ("image",), "input", None, Spec(IMAGE, (1, 8, 8)))
    mask = FieldPlan("mask", Mask(), ("mask",), "target", None, Spec(MASK, (8, 8), "index", classes=2))
    fields = FittedFields(tuple(FittedField(plan, {}) for plan in (image, mask)))
    decoded: list[str] = []
    monkeypatch.setattr(images, "decode_content", lambda *given, read=images.decode_content: (decoded.append(given[1]), read(*given))[1])
    beside = Beside(fields, Table("t", {"image": column}, 3), (2,))
    found = Decoded((np.eye(8, dtype=np.uint8),), form=Masks((0, 255)))
    drawn = [*found.form.files(found, beside), *found.form.overlay("mask", beside).files(found, (2,))]
    assert [Pillow.open(BytesIO(content)).size for _, content in drawn] == [(30, 20)] * 2
    assert [name for name, _ in drawn] == ["00002.png"] * 2
    assert decoded == (["row 2"] * 2 if kind == "cells" else []), "no other image is read again"
