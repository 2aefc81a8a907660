"""Cells, pictures and sounds as people look at them."""

from __future__ import annotations

import io
import wave

import numpy as np
import polars as pl
from PIL import Image

from nntrain.data.exhibits import MOST_PIXELS, MOST_SAMPLES, cells_of, picture_of, sound_of, spectrum_of, text_of
from nntrain.data.table import Table


def table() -> Table:
    columns = {"town": pl.Series(["A", None, "<b>"]), "area": np.array([1.5, 2.0, 3.25]), "path": np.arange(24.0).reshape(3, 8)}
    return Table("rooms.csv", columns, 3)


def test_cells_stand_as_they_are_and_missing_ones_are_empty() -> None:
    assert [cell.text for cell in cells_of(table(), ["town"], [2, 1])] == ["<b>", ""]
    assert [cell.text for cell in cells_of(table(), ["area"], [2])] == ["3.25"]


def test_several_columns_of_a_field_are_named() -> None:
    assert [cell.text for cell in cells_of(table(), ["town", "area"], [0])] == ["town A, area 1.5"]


def test_long_rows_of_numbers_and_texts_are_cut() -> None:
    assert cells_of(table(), ["path"], [0])[0].text == "0 1 2 3 4 5 …"
    assert text_of("word " * 200).text.endswith("word …")
    assert text_of("short").text == "short"


def test_a_column_that_is_not_there_is_empty() -> None:
    assert cells_of(table(), ["gone"], [0])[0].text == ""


def test_small_pictures_keep_each_pixel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    picture = picture_of(pixels, "a digit")
    assert picture.media == "image/png"
    assert picture.is_pixelated
    assert (np.asarray(Image.open(io.BytesIO(picture.content))) == pixels).all()


def test_large_pictures_are_made_smaller_and_keep_their_shape() -> None:
    picture = picture_of(np.zeros((900, 600, 3), dtype=np.uint8), "a photo")
    assert (picture.width, picture.height) == (MOST_PIXELS * 600 // 900, MOST_PIXELS)
    assert picture.media == "image/jpeg"
    assert not picture.is_pixelated


def test_long_sounds_are_cut_and_say_so() -> None:
    sound = sound_of(np.full(4 * MOST_SAMPLES, 2.0, dtype=np.float32), MOST_SAMPLES)
    assert sound.told == "the first 1 of 4 s"
    with wave.open(io.BytesIO(sound.content)) as file:
        assert (file.getnframes(), file.getframerate()) == (MOST_SAMPLES, MOST_SAMPLES)
        assert {*np.frombuffer(file.readframes(10), dtype="<i2").tolist()} == {32767}  # what is too loud is cut, not turned over
    assert sound_of(np.zeros(100, dtype=np.float32), 1000).told == "0.1 s"


def test_a_spectrum_goes_right_with_time_and_up_with_its_features() -> None:
    steps = np.zeros((6, 4), dtype=np.float32)
    steps[0, 3] = 1.0
    picture = spectrum_of(steps)
    pixels = np.asarray(Image.open(io.BytesIO(picture.content)).convert("L"))
    assert (picture.width, picture.height, pixels[0, 0]) == (6, 4, 255)
    assert int(pixels.sum()) == 255
    assert spectrum_of(np.zeros((2, 2), dtype=np.float32)).width == 2
    assert sound_of(np.zeros(10, dtype=np.float32), 100, picture).spectrum is picture
