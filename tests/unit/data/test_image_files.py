"""Images from folders and .zip files: which are read, how, and what is said of the others."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain.data.field_plan import FieldPlan
from nntrain.data.fields.image import Image as ImageField
from nntrain.data.file_rows import FileKind
from nntrain.data.fitted import FittedField, FittedFields
from nntrain.data.image_header import ImageSize, image_size
from nntrain.data.layout import plan_layout
from nntrain.data.new_rows import complete, read_new
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError, DataError
from nntrain.specs import IMAGE, Spec

RANDOM = np.random.default_rng(0)


def draw(path: Path, mode: str = "RGB", size: tuple[int, int] = (6, 5), value: int | None = None, **save: object) -> None:
    """An image of some width and height, of random values or one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "LA": 2}[mode]
    pixels = RANDOM.integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    pixels = pixels if value is None else np.full_like(pixels, value)
    Image.fromarray(pixels.squeeze(), mode if mode == "LA" else None).save(path, **save) if channels != 2 else Image.fromarray(
        pixels[:, :, 0]
    ).convert("LA").save(path, **save)


def folder(root: Path, splits: tuple[str, ...] = ("",), classes: tuple[str, ...] = ("b", "a"), count: int = 10) -> Path:
    for split in splits:
        for label in classes:
            for number in range(count):
                draw(root / split / label / f"{number}.png")
    return root


def settings(path: str, **data: object) -> DataSettings:
    return DataSettings.parse({"source": {"type": "image_folder", "path": path}, **data})


def images(data, field: str = "image") -> torch.Tensor:
    return data.batch(0, len(data)).inputs[field]


def test_folders_of_classes_in_order_of_their_names(tmp_path):
    folder(tmp_path / "photos", classes=("10", "2", "b"))
    found = prepare(settings("photos"), tmp_path, seed=0)
    assert found.fields.targets["label"].classes == ("10", "2", "b")
    assert {part: len(data) for part, data in found.splits.items()} == {"train": 24, "validation": 3, "test": 3}
    assert found.layout.inputs["image"].sizes == (3, 5, 6)
    assert found.train.inputs["image"].dtype == torch.uint8
    numbers = folder(tmp_path / "numbers", classes=("10", "2", "1"))
    layout, _ = plan_layout(settings(numbers.as_posix()), tmp_path, look=True)
    assert layout.targets[0].classes == ("1", "2", "10")


def test_pixels_are_those_of_the_files(tmp_path):
    folder(tmp_path / "photos")
    found = prepare(settings("photos"), tmp_path, seed=0)
    names = sorted((tmp_path / "photos").rglob("*.png"))
    for row, image in zip(found.train.rows.tolist(), images(found.train), strict=True):
        wanted = np.asarray(Image.open(names[row]))
        assert torch.equal(image, torch.from_numpy(wanted.copy()).permute(2, 0, 1) / 255)


@pytest.mark.parametrize("words", [("train", "val", "test"), ("training", "valid"), ("Train", "test")])
def test_folders_of_splits_and_what_is_missing_is_split_off(tmp_path, words):
    folder(tmp_path / "photos", words)
    found = prepare(settings("photos"), tmp_path, seed=0)
    assert set(found.splits) == {"train", "validation", "test"}
    given = {"val": 20, "valid": 20, "test": 20}
    sizes = {part: len(data) for part, data in found.splits.items()}
    assert sum(sizes.values()) == 20 * len(words)
    assert sizes["test"] == (20 if "test" in words else 2)
    assert sizes["validation"] == (20 if given.keys() & set(words) - {"test"} else 2)


def test_a_zip_file_in_a_folder_of_its_own_reads_like_the_folder(tmp_path):
    folder(tmp_path / "photos", ("train", "test"))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in (tmp_path / "photos").rglob("*.png"):
            archive.write(path, Path("some folder") / path.relative_to(tmp_path / "photos"))
        archive.writestr("__MACOSX/some folder/train/a/._0.png", b"x")
        archive.writestr("some folder/.DS_Store", b"x")
    one, two = (prepare(settings(name), tmp_path, seed=0) for name in ("photos", "photos.zip"))
    assert torch.equal(images(one.train), images(two.train))
    assert torch.equal(one.train.targets["label"], two.train.targets["label"])
    assert "photos.zip: left out 2 hidden files" in two.notes


def test_hidden_files_and_others_are_left_out_and_counted(tmp_path):
    root = folder(tmp_path / "photos")
    draw(root / ".cache" / "x.png")
    draw(root / "a" / ".x.png")
    draw(root / "a" / "deeper" / "x.png")
    draw(root / "lost.png")
    (root / "a" / "notes.txt").write_text("x")
    (root / "a" / "film.gif").write_bytes(b"GIF89a")
    found = prepare(settings("photos"), tmp_path, seed=0)
    assert sum(len(data) for data in found.splits.values()) == 21
    assert "photos: left out 2 other files (1 .gif, 1 .txt), 1 hidden file, 1 image outside of the classes (lost.png)" in found.notes


def test_the_orientation_of_a_photo_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # shown turned to the right by a quarter
    for number in range(20):
        path = tmp_path / "photos" / "ab"[number % 2] / f"{number}.jpg"
        draw(path, size=(8, 4), value=number * 10, exif=exif)
        assert image_size(path.read_bytes()) == ImageSize(3, 8, 4)
    layout, _ = plan_layout(settings("photos"), tmp_path, look=True)
    found = prepare(settings("photos"), tmp_path, seed=0)
    assert layout.inputs["image"].sizes == found.layout.inputs["image"].sizes == (3, 8, 4)


def test_gray_palette_transparent_and_deep_images(tmp_path):
    root = tmp_path / "photos"
    for label in "ab":
        for number in range(4):
            draw(root / label / f"gray{number}.png", "L")
        draw(root / label / "alpha.png", "LA")
        Image.fromarray(np.full((5, 6), 51_400, dtype=np.uint16)).save(root / label / "deep.png")
        Image.fromarray(np.full((5, 6), 255, dtype=np.uint8)).convert("1").save(root / label / "bits.png")
    found = prepare(settings("photos", split={"validation": None, "test": None}), tmp_path, seed=0)
    assert found.layout.inputs["image"].sizes == (1, 5, 6)
    names = sorted(root.rglob("*.png"))
    by_name = dict(zip([names[row].name for row in found.train.rows], found.train.inputs["image"], strict=True))
    assert by_name["deep.png"].unique().tolist() == [200]
    assert by_name["bits.png"].unique().tolist() == [255]
    draw(root / "a" / "colour.png", "RGBA", value=9)
    Image.fromarray(np.full((5, 6, 3), 7, dtype=np.uint8)).convert("P").save(root / "a" / "palette.png")
    found = prepare(settings("photos", split={"validation": None, "test": None}), tmp_path, seed=0)
    assert found.layout.inputs["image"].sizes == (3, 5, 6)
    gray = prepare(settings("photos", fields={"image": {"channels": "gray", "size": [4, 3]}}), tmp_path, seed=0)
    assert gray.layout.inputs["image"].sizes == (1, 4, 3)


def test_broken_images_are_named(tmp_path):
    root = folder(tmp_path / "photos")
    whole = (root / "a" / "0.png").read_bytes()
    (root / "a" / "3.png").write_bytes(whole[: len(whole) // 2])
    (root / "b" / "4.png").write_text("no image")
    with pytest.raises(DataError, match=r"2 of 20 images cannot be read:\n   a/3\.png: .*\n   b/4\.png: no image, or damaged"):
        prepare(settings("photos"), tmp_path, seed=0)


def test_images_of_several_sizes_need_a_size(tmp_path):
    root = folder(tmp_path / "photos")
    draw(root / "b" / "0.png", size=(9, 5))
    with pytest.raises(ConfigError, match=r"several sizes \(height x width\): 5 x 6 \(a/0.png\), 5 x 9 \(b/0.png\)"):
        prepare(settings("photos"), tmp_path, seed=0)
    draw(root / "b" / "0.png")
    draw(root / "b" / "7.png", size=(9, 5))  # no image that is looked at before
    with pytest.raises(DataError, match=r"2 sizes \(height x width\): 5 x 6 \(a/0.png\), 5 x 9 \(b/7.png\)\n.*size: \[5, 6\]"):
        prepare(settings("photos"), tmp_path, seed=0)
    found = prepare(settings("photos", fields={"image": {"size": 8}}), tmp_path, seed=0)
    assert found.train.inputs["image"].shape[1:] == (3, 8, 8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: draw(root / "0.png"), "its images are not in folders of classes"),
        (lambda root: (root / "a.txt").write_text("x"), r"has no images; it has 1 \.txt"),
        (lambda root: (root / "a").mkdir(), "has no images"),
    ],
)
def test_a_folder_that_is_none_of_classes(tmp_path, make, message):
    (tmp_path / "photos").mkdir()
    make(tmp_path / "photos")
    with pytest.raises(DataError, match=message):
        plan_layout(settings("photos"), tmp_path, look=True)


def test_no_zip_file(tmp_path):
    (tmp_path / "a.zip").write_text("x")
    with pytest.raises(DataError, match=r"a\.zip is no \.zip file, or is damaged"):
        plan_layout(settings("a.zip"), tmp_path, look=True)
    with pytest.raises(DataError, match=r"no file or folder .*/b"):
        plan_layout(settings("b"), tmp_path, look=True)


def test_new_images_need_no_classes_and_one_may_be_gray(tmp_path):
    folder(tmp_path / "photos")
    data = settings("photos")
    fields = prepare(data, tmp_path, seed=0).fields
    draw(tmp_path / "new" / "x.png", "L", value=51)
    for path in ("new", "new/x.png"):
        rows = FittedFields.restore(data, fields.state()).encode(
            complete(read_new(data, tmp_path / path, fields), fields), with_targets=False
        )
        assert torch.equal(images(rows), torch.full((1, 3, 5, 6), 0.2))
    draw(tmp_path / "new" / "y.png", "L", size=(3, 3))
    with pytest.raises(DataError, match="2 sizes"):
        fields.encode(complete(read_new(data, tmp_path / "new", fields), fields), with_targets=False)


def test_a_table_of_file_names(tmp_path):
    folder(tmp_path / "photos")
    names = [path.relative_to(tmp_path).as_posix() for path in sorted((tmp_path / "photos").rglob("*.png"))]
    (tmp_path / "t.csv").write_text("file,y\n" + "".join(f"{name},{place % 2}\n" for place, name in enumerate(names)))
    found = prepare(DataSettings.parse({"source": "t.csv", "target": "y", "fields": {"file": "image"}}), tmp_path, seed=0)
    assert found.train.inputs["file"].shape == (16, 3, 5, 6)


def test_new_rows_are_files_where_a_table_named_those_of_training(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("file,y\n" + "a.png,0\na.png,1\n" * 8)
    data = DataSettings.parse({"source": "t.csv", "target": "y", "fields": {"file": "image"}})
    fields = prepare(data, tmp_path, seed=0).fields
    for name in ("x.png", "deep/y.png"):
        draw(tmp_path / "new" / name)
    assert read_new(data, tmp_path / "new" / "x.png", fields).columns["file"].to_list() == ["x.png"]
    assert read_new(data, tmp_path / "new", fields).columns["file"].to_list() == ["deep/y.png", "x.png"], "none is left out"
    with pytest.raises(DataError, match="no file"):
        read_new(data, tmp_path / "lost.png", fields)


class Scan(ImageField):
    """A field of another author."""

    file_kind = FileKind("scan", "scan", frozenset({".scan"}), ".scan")


def test_a_field_says_which_files_are_its_rows(tmp_path):
    plan = FieldPlan("brain", Scan(), ("brain",), "input", None, Spec(IMAGE, (1, 2, 2)))
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "a.scan").touch()
    table = read_new(DataSettings.parse({"source": "t.csv", "target": "y"}), tmp_path / "new", FittedFields((FittedField(plan, {}),)))
    assert table.columns["brain"].to_list() == ["a.scan"]


def test_the_same_files_have_the_same_fingerprint_and_others_another(tmp_path):
    root = folder(tmp_path / "photos")
    one = settings("photos").source.fingerprint(root)
    assert settings("photos").source.fingerprint(root) == one
    (root / "a" / "readme.txt").write_text("x")
    assert settings("photos").source.fingerprint(root) == one
    draw(root / "a" / "0.png", value=0)
    assert settings("photos").source.fingerprint(root) != one


def test_without_a_look_at_the_files_options_tell_the_sizes():
    data = settings("nowhere", fields={"image": {"size": 32, "channels": 3}, "label": {"classes": ["a", "b"]}})
    layout, problems = plan_layout(data, Path(), look=False)
    assert not problems
    assert layout.inputs["image"].sizes == (3, 32, 32)
    assert layout.targets[0].classes == ("a", "b")
    assert str(plan_layout(settings("nowhere"), Path(), look=False)[0].inputs["image"].sizes[1]) == "<height of image>"


def test_validation_and_test_images_in_folders_of_their_own(tmp_path):
    folder(tmp_path / "photos", ("train", "val", "other"), count=4)
    for name in ("train", "val"):
        draw(tmp_path / "photos" / name / "c" / "0.png")
    draw(tmp_path / "photos" / "val" / "new" / "0.png")
    parts = {"path": "photos/train", "validation": "photos/val", "test": "photos/other"}
    found = prepare(DataSettings.parse({"source": {"type": "image_folder", **parts}}), tmp_path, seed=0)
    assert {part: len(data) for part, data in found.splits.items()} == {"train": 9, "validation": 9, "test": 8}
    assert found.fields.targets["label"].classes == ("a", "b", "c")
    assert any(note.startswith("validation: label: 1 row with a value that training never showed") for note in found.notes)
    wanted = np.asarray(Image.open(tmp_path / "photos" / "other" / "a" / "0.png"))
    assert torch.equal(images(found.test)[0], torch.from_numpy(wanted.copy()).permute(2, 0, 1) / 255)
    assert {"source", "source.validation", "source.test"} <= found.fingerprints.keys()
    two = DataSettings.parse({"source": {"type": "image_folder", **parts, "test": None}})
    assert {part: len(data) for part, data in prepare(two, tmp_path, seed=0).splits.items()} == {"train": 8, "validation": 9, "test": 1}


def test_folders_that_are_named_twice_or_are_not_there(tmp_path):
    folder(tmp_path / "photos", ("train", "val"), count=2)
    twice = DataSettings.parse({"source": {"type": "image_folder", "path": "photos", "validation": "photos/val"}})
    with pytest.raises(DataError, match=r"photos has folders train and val of its own, and data\.source\.validation gives"):
        plan_layout(twice, tmp_path, look=True)
    lost = DataSettings.parse({"source": {"type": "image_folder", "path": "photos/train", "test": "photos/tset"}})
    with pytest.raises(DataError, match=r"data\.source\.test: no file or folder"):
        plan_layout(lost, tmp_path, look=True)
