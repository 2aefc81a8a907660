"""Files whose paths say what they are."""

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError


def write(*paths):
    for place, path in enumerate(paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), place, dtype=np.uint8)).save(path)


def settings(path, **data):
    return DataSettings.parse({"source": {"type": "files", "path": path}, **data})


def test_braces_become_columns(tmp_path):
    write(*(tmp_path / "set" / split / label / f"{n}.png" for split in ("train", "test") for label in ("cat", "dog") for n in range(8)))
    found = prepare(settings("set/{split}/{label}/*.png"), tmp_path, seed=0)
    assert found.fields.targets["label"].classes == ("cat", "dog")
    assert {part: len(data) for part, data in found.splits.items()} == {"train": 14, "validation": 2, "test": 16}
    assert list(found.layout.inputs) == ["image"]


def test_a_brace_may_be_any_column_and_files_in_a_zip(tmp_path):
    write(*(tmp_path / f"{label}_{speaker}_{n}.png" for label in "ab" for speaker in ("x", "y", "z") for n in range(4)))
    import zipfile

    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in tmp_path.glob("*.png"):
            archive.write(path, path.name)
    for pattern in ("{label}_{speaker}_*.png", "all.zip/{label}_{speaker}_*.png"):
        found = prepare(settings(pattern, split={"by": "group", "column": "speaker"}), tmp_path, seed=0)
        assert {part: len(data) for part, data in found.splits.items()} == {"train": 8, "validation": 8, "test": 8}


def test_pairs_and_files_without_a_partner(tmp_path):
    write(*(tmp_path / "images" / f"{n}.png" for n in range(10)), *(tmp_path / "masks" / f"{n}_mask.png" for n in range(2, 11)))
    data = settings({"image": "images/{id}.png", "mask": "masks/{id}_mask.png"}, target="id", fields={"id": "category"})
    table = data.source.read(tmp_path, "pairs")
    assert table.columns["image"].to_list() == [f"images/{n}.png" for n in range(2, 10)]
    assert table.columns["mask"].to_list() == [f"masks/{n}_mask.png" for n in range(2, 10)]
    assert table.notes == ("pairs: left out 3 files without a partner (images/0.png, images/1.png, masks/10_mask.png)",)


def test_new_files_need_no_partner_that_is_a_target(tmp_path):
    for folder in ("old/images", "old/masks", "new/images"):
        write(*(tmp_path / folder / f"{n}.png" for n in range(12)))
    fields = {"mask": {"type": "image", "role": "target"}, "id": {"role": "ignore"}}
    data = settings({"image": "old/images/{id}.png", "mask": "old/masks/{id}.png"}, fields=fields)
    found = prepare(data, tmp_path, seed=0)
    rows = found.fields.encode(data.source.read(tmp_path / "new", "new"), with_targets=False)
    assert rows.inputs["image"].shape == (12, 1, 4, 4)
    with pytest.raises(DataError, match="no column 'mask'"):
        found.fields.encode(data.source.read(tmp_path / "new", "new"), with_targets=True)
    with pytest.raises(DataError, match="no file fits"):
        plan_layout(settings({"image": "new/images/{id}.png", "mask": "new/masks/{id}.png"}), tmp_path, look=True)
    with pytest.raises(DataError, match="no file fits"):
        data.source.read(tmp_path / "new" / "images", "images")


def test_no_file_fits(tmp_path):
    write(tmp_path / "a" / "cat" / "1.png")
    with pytest.raises(DataError, match=r"no file fits '\{label\}/\*\.jpg'; the first of 1 files there: cat/1.png"):
        plan_layout(settings("a/{label}/*.jpg"), tmp_path, look=True)


def test_files_that_no_field_type_reads_are_left_out(tmp_path):
    for label in "ab":
        (tmp_path / label).mkdir()
        (tmp_path / label / "1.xyz").write_text("good film")
    layout, _ = plan_layout(settings("{label}/*.xyz"), tmp_path, look=True)
    assert layout.left_out == (("file", ".xyz files, which no field type reads"),)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ({"image": "a/{id}.png", "mask": "b/{name}.png"}, r"files are paired by their braces, and mask has \{name\} where"),
        ({"image": "a/*.png", "mask": "b/*.png"}, "mask has none|image has none"),
        ("a/{image}.png", r"\{image\} and the file would be one column"),
        ("a/b.png", "is one file; a pattern has"),
    ],
)
def test_patterns_that_mean_nothing(path, message):
    with pytest.raises(ValidationError, match=message):
        settings(path)
