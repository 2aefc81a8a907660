"""Well-known sets of images: what they are, and their files as people have them. Nothing is ever unpickled."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.text_file import opened
from nntrain.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MAX_BYTES: Final = 2**26
"""Of one file, unpacked; the largest, the training images of MNIST, has 45 MiB."""

DIGITS: Final = tuple(str(digit) for digit in range(10))
_CLOTHES: Final = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
_CIFAR10: Final = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_CIFAR100: Final = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle "
    "chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house "
    "kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange "
    "orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal "
    "shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
    "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)


@dataclass(frozen=True, slots=True)
class ImageSet:
    """A set whose images all have one size."""

    classes: tuple[str, ...]
    """In the order of the numbers in the files."""
    shape: tuple[int, ...]
    """Of an image, `(H, W)` or `(C, H, W)`."""
    rows: Mapping[str, int]
    """Images by split."""
    files: Mapping[str, tuple[str, ...]]
    """Names of the files by split: images and labels of MNIST's kind, or whole records of CIFAR's."""
    label_bytes: int = 0
    """Bytes before each image of a record, the last of which is the class; 0 for files of MNIST's kind."""


_IDX_FILES: Final = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
_MNIST_ROWS: Final = {"train": 60_000, "test": 10_000}
_CIFAR_ROWS: Final = {"train": 50_000, "test": 10_000}

IMAGE_SETS: Final = {
    "mnist": ImageSet(DIGITS, (28, 28), _MNIST_ROWS, _IDX_FILES),
    "fashion_mnist": ImageSet(_CLOTHES, (28, 28), _MNIST_ROWS, _IDX_FILES),
    "cifar10": ImageSet(
        _CIFAR10,
        (3, 32, 32),
        _CIFAR_ROWS,
        {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)},
        label_bytes=1,
    ),
    "cifar100": ImageSet(
        tuple(_CIFAR100.split()), (3, 32, 32), _CIFAR_ROWS, {"train": ("train.bin",), "test": ("test.bin",)}, label_bytes=2
    ),
}

_PICKLES: Final = frozenset({"data_batch_1", "train", "batches.meta", "cifar-10-batches-py", "cifar-100-python"})


def set_files(kind: ImageSet, path: Path) -> dict[str, list[Path]]:
    """The files of a set by split, in a folder or in the one folder that is in it; a `.npz` file has all.

    Raises:
        DataError: They are not there.
    """
    if path.is_file():
        return {"all": [path]}
    folders = [path, *sorted(entry for entry in path.iterdir() if entry.is_dir())]
    for folder in folders:
        found = {part: [_variant(folder, name) for name in names] for part, names in kind.files.items()}
        if all(file is not None for files in found.values() for file in files):
            return {part: [file for file in files if file is not None] for part, files in found.items()}
    wanted = ", ".join(name for names in kind.files.values() for name in names)
    pickled = any((folder / name).exists() for folder in folders for name in _PICKLES) if kind.label_bytes else False
    hint = (
        "the binary version of the set has them; the one for Python holds pickles, which can run code and are not read" if pickled else None
    )
    gz = "" if kind.label_bytes else " (each may end in .gz)"
    raise DataError(
        f"{path.as_posix()} lacks files of the set: {wanted}{gz}", hint or "or a .npz file with x_train, y_train, x_test, y_test"
    )


def read_set(kind: ImageSet, path: Path) -> dict[str, tuple[Array, Array]]:
    """Images uint8 `[N, …]` and class numbers int64 `[N]` by split. Raises `DataError` for what is no such file."""
    files = set_files(kind, path)
    if "all" in files:
        return _read_npz(kind, path)
    reads = _read_records if kind.label_bytes else _read_idx
    return {part: _checked(kind, reads(kind, found), found[0].name) for part, found in files.items()}


def _variant(folder: Path, name: str) -> Path | None:
    """A file under its name, packed, or with the point that some copies have: `train-images.idx3-ubyte`."""
    names = (name, f"{name}.gz", name.replace("-idx", ".idx"), f"{name.replace('-idx', '.idx')}.gz")
    return next((folder / variant for variant in names if (folder / variant).is_file()), None)


def _bytes(path: Path) -> bytes:
    with opened(path, path.name) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise DataError(f"{path.name} holds more than {MAX_BYTES // 2**20} MiB, which no file of the set does")
    return content


def _read_idx(kind: ImageSet, files: list[Path]) -> tuple[Array, Array]:
    """Images and labels in the IDX format: two zero bytes, the type, the number of axes, their sizes, the values."""
    import numpy as np

    found: list[Array] = []
    for path in files:
        content = _bytes(path)
        axes = content[3] if len(content) > 3 else 0
        if content[:3] != b"\0\0\x08" or len(content) < 4 + 4 * axes:
            raise DataError(f"{path.name} is no IDX file of bytes")
        shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
        values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * axes)
        if len(values) != np.prod(shape):
            raise DataError(f"{path.name} is cut off: {len(values):,} values of {int(np.prod(shape)):,}")
        found.append(values.reshape(shape))
    return found[0], found[1]


def _read_records(kind: ImageSet, files: list[Path]) -> tuple[Array, Array]:
    """Records of labels and an image, one byte a value."""
    import numpy as np

    size = kind.label_bytes + int(np.prod(kind.shape))
    records: list[Array] = []
    for path in files:
        content = np.frombuffer(_bytes(path), dtype=np.uint8)
        if not len(content) or len(content) % size:
            raise DataError(f"{path.name} has {len(content):,} bytes, and each image takes {size:,}")
        records.append(content.reshape(-1, size))
    whole = np.concatenate(records)
    return whole[:, kind.label_bytes :].reshape(-1, *kind.shape), whole[:, kind.label_bytes - 1]


def _read_npz(kind: ImageSet, path: Path) -> dict[str, tuple[Array, Array]]:
    """The arrays that Keras has in its files; images may have their channels last."""
    import numpy as np

    from nntrain.data.npz_header import FAULTS, damaged, peek_npz

    peek_npz(path, path.name)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FAULTS as error:
        raise damaged(path.name, error) from None
    lost = [name for name in ("x_train", "y_train", "x_test", "y_test") if name not in arrays]
    if lost:
        raise DataError(f"{path.name} has no array {lost[0]}; it has {', '.join(arrays)}")
    found: dict[str, tuple[Array, Array]] = {}
    for part in ("train", "test"):
        images, labels = arrays[f"x_{part}"], arrays[f"y_{part}"].reshape(-1)
        if images.ndim == 4 and images.shape[1:] != kind.shape:
            images = images.transpose(0, 3, 1, 2)
        found[part] = _checked(kind, (images, labels), path.name)
    return found


def _checked(kind: ImageSet, found: tuple[Array, Array], name: str) -> tuple[Array, Array]:
    images, labels = found
    if images.shape[1:] != kind.shape or images.dtype != "uint8":
        raise DataError(f"{name} holds images {list(images.shape[1:])} of {images.dtype}; those of the set are {list(kind.shape)} of uint8")
    if len(images) != len(labels) or labels.dtype.kind not in "iu" or not 0 <= int(labels.min()) <= int(labels.max()) < len(kind.classes):
        raise DataError(f"{name}: the labels are not {len(images):,} numbers from 0 to {len(kind.classes) - 1}")
    return images, labels.astype("int64")
