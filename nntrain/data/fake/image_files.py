"""Made-up images, sounds and texts as files, in folders, .zip files and the files of well-known sets."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nntrain.data.fake.masks import masks
from nntrain.data.fake.sounds import write_sounds
from nntrain.data.fake.values import Rows, bars, cells, class_names, images
from nntrain.data.fields.category import Category
from nntrain.data.fields.field import Field
from nntrain.data.fields.mask import Mask
from nntrain.data.image_header import IMAGE_SUFFIXES
from nntrain.data.image_sets import ImageSet
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.settings import DataSettings
    from nntrain.data.sources.builtin import Builtin
    from nntrain.data.sources.files import Files

    Array = np.ndarray[Any, Any]

SPLITS: Final = ("train", "test", "train", "validation", "train")
"""Folder of a row, in turn, where paths say the split."""


def write_images(folder: Path, names: Sequence[str], made: Array) -> None:
    """Write uint8 images `[N, C, H, W]` under names that count from a folder."""
    from PIL import Image as Picture

    for parent in {(folder / name).parent for name in names}:
        parent.mkdir(parents=True, exist_ok=True)
    for name, image in zip(names, made, strict=True):
        Picture.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)).save(folder / name)


def write_folders(path: Path, settings: DataSettings, rows: Rows, splits: Sequence[str]) -> None:
    """Folders of classes, in folders of splits if there are such; a row is in one of them after the other."""
    has_sounds = settings.source.type == "audio_folder"
    suffix = ".wav" if has_sounds else ".png"
    label = settings.fields.get("label", Category())
    labels = cells(label if label.type != "auto" else Category(), "target", rows, 0)
    names = [f"{word}/{row:05d}{suffix}" for row, word in enumerate(labels)]
    names = [f"{splits[row % len(splits)]}/{name}" for row, name in enumerate(names)] if splits else names
    root = path.with_suffix("") if path.suffix.lower() == ".zip" else path
    if has_sounds:
        write_sounds(root, names, settings.fields.get("audio"), rows)
    else:
        write_images(root, names, images(settings.fields.get("image"), rows, is_file=True))
    _pack(root, path)


def write_matching(folder: Path, settings: DataSettings, source: Files, rows: Rows) -> None:
    """Files that fit the patterns of a source. Raises `DataError` for files of another kind, or that are not one a row."""
    braces = {brace: _words(brace, settings, rows) for pattern in source.patterns.values() for brace in re.findall(r"\{(\w+)\}", pattern)}
    for column, pattern in source.patterns.items():
        suffix = PurePosixPath(pattern).suffix.lower()
        if suffix not in IMAGE_SUFFIXES | {".txt", ".wav"}:
            raise DataError(f"no rows can be made up for {suffix or 'such'} files ({pattern})", "smoke-run it on a few real files")
        names = [_named(pattern, {brace: words[row] for brace, words in braces.items()}, row) for row in range(len(rows))]
        if len(set(names)) < len(names):
            raise DataError(f"no rows can be made up: several would be the same file of {pattern}", "write {id} or * for what differs")
        packed = re.match(r"(.*?\.zip)/", pattern, re.IGNORECASE)
        root = "" if packed is None else packed[1]
        outer = folder / (f"{root}.unpacked" if root else "")
        inner = [name.removeprefix(root).lstrip("/") for name in names]
        if suffix == ".txt":
            _write_texts(outer, inner, rows)
            continue
        field = next((found for key, found in settings.fields.items() if column in (key, found.column)), None)
        if suffix == ".wav":
            write_sounds(outer, inner, field, rows)
        else:
            is_mask = isinstance(field, Mask)
            made = masks(field, settings.fields, rows, is_file=True) if is_mask else images(field, rows, is_file=True)
            write_images(outer, inner, made)
    for root in {found[1] for pattern in source.patterns.values() if (found := re.match(r"(.*?\.zip)/", pattern, re.IGNORECASE))}:
        _pack(folder / f"{root}.unpacked", folder / root)


def write_known_set(path: Path, source: Builtin, rows: Rows) -> None:
    """The files of a well-known set, half of the rows for test."""
    kind = source.kind
    assert kind is not None
    labels = (rows.hidden * len(kind.classes)).astype(np.uint8)
    shape = (1, *kind.shape) if len(kind.shape) == 2 else kind.shape
    made = bars(rows, *shape).reshape(-1, *kind.shape)
    parts = {"train": slice(0, len(rows) // 2), "test": slice(len(rows) // 2, None)}
    if path.suffix.lower() == ".npz":
        arrays = {f"{letter}_{part}": array[rows_of] for part, rows_of in parts.items() for letter, array in (("x", made), ("y", labels))}
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, **arrays)
        return
    path.mkdir(parents=True, exist_ok=True)
    for part, rows_of in parts.items():
        _write_set_files(path, kind, kind.files[part], made[rows_of], labels[rows_of])


def _write_set_files(folder: Path, kind: ImageSet, names: Sequence[str], made: Array, labels: Array) -> None:
    """IDX files of images and labels, or files of records."""
    if kind.label_bytes:
        heads = np.zeros((len(labels), kind.label_bytes), dtype=np.uint8)
        heads[:, -1] = labels
        records = np.concatenate([heads, made.reshape(len(made), -1)], axis=1)
        for name, some in zip(names, np.array_split(records, len(names)), strict=True):
            (folder / name).write_bytes(some.tobytes())
        return
    for name, array in zip(names, (made, labels), strict=True):
        sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / name).write_bytes(bytes((0, 0, 8, array.ndim)) + sizes + array.tobytes())


def _words(brace: str, settings: DataSettings, rows: Rows) -> list[str]:
    """What stands for a brace, row by row."""
    field: Field | None = settings.fields.get(brace)
    if brace == "split":
        return [SPLITS[row % len(SPLITS)] for row in range(len(rows))]
    if brace in settings.targets or brace == "label" or (field is not None and field.type != "auto"):
        typed = field if field is not None and field.type != "auto" else Category(classes=class_names(Category(), rows.assumptions))
        return [str(cell) for cell in cells(typed, "target", rows, 0)]
    return [f"{row:05d}" for row in range(len(rows))]


def _named(pattern: str, words: Mapping[str, str], row: int) -> str:
    """The path of a row's file."""
    name = re.sub(r"\{(\w+)\}", lambda match: words[match[1]], pattern)
    name = name.replace("**/", "").replace("**", f"{row:05d}")
    return name.replace("*", f"{row:05d}").replace("?", "0")


def _write_texts(folder: Path, names: Sequence[str], rows: Rows) -> None:
    for name, value in zip(names, rows.hidden, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(("low " * 5 if value < 0.5 else "high " * 5).strip() + "\n", encoding="utf-8")


def _pack(folder: Path, path: Path) -> None:
    """A .zip file of what is in a folder, which goes away; nothing where the path is the folder itself."""
    if path == folder:
        return
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder).as_posix())
    shutil.rmtree(folder)
