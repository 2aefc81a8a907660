"""Images inside a Parquet file: bytes in a column, or structs with them, as Hugging Face's datasets have them."""

from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from nntrain.commands.predicting.prediction_files import free_names
from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.data.sources.parquet import Parquet
from nntrain.errors import ConfigError, DataError

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (20, 5, 6, 3), dtype=np.uint8)


def content(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def write(folder: Path, cells: list[bytes | None], *, in_structs: bool = True) -> Path:
    images = [None if cell is None else {"bytes": cell, "path": f"{row}.png"} for row, cell in enumerate(cells)] if in_structs else cells
    pl.DataFrame({"image": images, "label": [f"class {row % 2}" for row in range(len(cells))]}).write_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def settings(**data: object) -> DataSettings:
    return DataSettings.parse({"source": {"type": "parquet", "path": "t.parquet"}, "target": "label", **data})


@pytest.mark.parametrize("in_structs", [True, False])
def test_images_in_cells_are_found_by_themselves_and_are_their_pixels(tmp_path, in_structs):
    write(tmp_path, [content(pixels) for pixels in PIXELS], in_structs=in_structs)
    layout, _ = plan_layout(settings(), tmp_path, look=True)
    assert layout.inputs["image"].sizes == (3, 5, 6)
    found = prepare(settings(), tmp_path, seed=0)
    batch = found.train.batch(0, len(found.train)).inputs["image"]
    wanted = torch.from_numpy(PIXELS[found.train.rows.numpy()]).permute(0, 3, 1, 2) / 255
    assert torch.equal(batch, wanted)


def test_options_of_the_field_act_on_them(tmp_path):
    write(tmp_path, [content(pixels, "JPEG") for pixels in PIXELS])
    found = prepare(settings(fields={"image": {"type": "image", "size": 4, "channels": 1}}), tmp_path, seed=0)
    assert found.layout.inputs["image"].sizes == (1, 4, 4)
    assert found.train.inputs["image"].shape[1:] == (1, 4, 4)


def test_a_damaged_image_a_missing_one_and_several_sizes_are_named_by_row(tmp_path):
    cells: list[bytes | None] = [content(pixels) for pixels in PIXELS]
    write(tmp_path, [*cells[:7], content(PIXELS[0])[:40], *cells[8:]])
    with pytest.raises(DataError, match=r"1 of 20 images cannot be read:\n   row 7"):
        prepare(settings(), tmp_path, seed=0)
    write(tmp_path, [*cells[:7], None, *cells[8:]])
    with pytest.raises(DataError, match="image has no image in row 7"):
        prepare(settings(), tmp_path, seed=0)
    write(tmp_path, [*cells[:19], content(PIXELS[0, :4])])
    with pytest.raises(ConfigError, match=r"several sizes .*5 x 6 \(row 0\), 4 x 6 \(row 19\)"):
        prepare(settings(), tmp_path, seed=0)


def test_bytes_that_are_no_images_are_left_out_and_told(tmp_path):
    path = write(tmp_path, [b"nothing of the kind"] * 4, in_structs=False)
    table = Parquet(path="t.parquet").read(path, "t.parquet")
    assert list(table.columns) == ["label"]
    assert table.notes == ("left out: image (Binary, which no field type reads)",)


def test_images_are_no_words_and_stay_out_of_written_tables(tmp_path):
    path = write(tmp_path, [content(pixels) for pixels in PIXELS])
    table = Parquet(path="t.parquet").read(path, "t.parquet")
    with pytest.raises(DataError, match="image holds what is in image files"):
        table.texts("image")
    out = tmp_path / "out.csv"
    with out.open("w", encoding="utf-8") as file:
        table.write(file, free_names(table, {"prediction": ["a"] * len(PIXELS)}))
    assert out.read_text(encoding="utf-8").splitlines()[:2] == ["label,prediction", "class 0,a"]
