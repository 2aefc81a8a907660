"""Data sets that nntrain knows: one ships with the package, the files of others are the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import model_validator

from nntrain.data.facts import RowFacts
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.image_sets import DIGITS, IMAGE_SETS, ImageSet, read_set, set_files
from nntrain.data.paths import locate
from nntrain.data.sources.source import Part, Source
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table

_FOLDER: Final = Path(__file__).parents[1] / "builtin"
_MAX_INK: Final = 16
"""Largest pixel value of digits: how many of 4 x 4 scanned pixels are black."""


class Builtin(Source):
    """A data set that nntrain knows: sizes and classes need no file. `digits` ships with it; of the others `path` says where they are."""

    main: ClassVar[str | None] = "name"

    type: Literal["builtin"] = "builtin"
    name: Literal["digits", "mnist", "fashion_mnist", "cifar10", "cifar100"]
    """`digits`: 1,797 handwritten digits of 8 x 8 pixels. `mnist`, `fashion_mnist`: 70,000 gray images of 28 x 28. `cifar10`, `cifar100`:
    60,000 colour images of 32 x 32. Fields `image` and `label`; all but digits say which images are for test."""
    path: str | None = None
    """Folder with the files of the set: `train-images-idx3-ubyte` and the like of MNIST, packed (.gz) or not; the binary version of CIFAR
    (`data_batch_1.bin`, `train.bin`), as pickles are not read. Or a .npz file with `x_train`, `y_train`, `x_test`, `y_test`. With
    `--no-data` it may be left out."""

    @model_validator(mode="after")
    def _path_is_read(self) -> Builtin:
        if self.name == "digits" and self.path is not None:
            raise ValueError("digits ships with nntrain; remove path")
        return self

    @property
    def has_order(self) -> bool:
        """Images in no order."""
        return False

    @property
    def kind(self) -> ImageSet | None:
        """What is known of the set; `None` for digits."""
        return IMAGE_SETS.get(self.name)

    @property
    def has_types(self) -> bool:
        """Digits are part of the package."""
        return self.name == "digits"

    @property
    def lacks(self) -> str | None:
        """The files of a set that does not ship."""
        if self.kind is None or self.path is not None:
            return None
        return f"{self.name} does not ship with nntrain; path: the folder with its files, or a .npz file"

    @property
    def target(self) -> str | None:
        """The class."""
        return "label"

    @property
    def split_column(self) -> str | None:
        """Which images are for test."""
        return None if self.kind is None else "split"

    def written_paths(self) -> Mapping[Part, str]:
        """The file in the package, or the folder as it is written."""
        return {"train": self.path or (str(_FOLDER / f"{self.name}.npz") if self.kind is None else self.name)}

    def files(self, folder: Path) -> dict[Part, Path]:
        """The file or folder. Raises `DataError` where it is not there."""
        if self.lacks is not None:
            raise DataError(f"data.source: {self.lacks}")
        return {"train": locate(self.written_paths()["train"], folder, "data.source.path", folders=self.path is not None)}

    def outline(self) -> Header | None:
        """Sizes and classes, which are the same in every copy."""
        kind = self.kind
        if kind is None:
            return None
        rows = sum(kind.rows.values())
        facts = RowFacts(rows, 0, len(kind.classes), 0, is_whole=False, has_leading_zeros=False, is_row_number=False)
        columns = (
            HeaderColumn("image", kind.shape, "uint8", rows=rows),
            HeaderColumn("label", (), "class", facts, rows),
            HeaderColumn("split", (), "text"),
        )
        return Header(self.name, columns, rows, classes={"label": kind.classes})

    def peek(self, path: Path, name: str) -> Header:
        """Known without a look inside. Raises `DataError` where files of the set are missing."""
        kind, outline = self.kind, self.outline()
        if kind is not None and outline is not None:
            set_files(kind, path)
            return outline
        facts = RowFacts(1797, 0, 10, 1797, is_whole=True, has_leading_zeros=False, is_row_number=False, values=DIGITS)
        columns = (HeaderColumn("image", (8, 8), "uint8", rows=1797), HeaderColumn("label", (), "int", facts, 1797))
        return Header(self.name, columns, 1797, classes={"label": DIGITS})

    def read(self, path: Path, name: str) -> Table:
        """Images `[N, …]`, uint8, of digits in [0, 1]; labels, and of all but digits the splits. Raises `DataError`."""
        import numpy as np

        from nntrain.data.table import Table

        if self.kind is not None:
            return self._read_set(self.kind, path)
        with np.load(path, allow_pickle=False) as archive:
            columns = {"image": archive["image"].astype(np.float32) / _MAX_INK, "label": archive["label"]}
        return Table(self.name, columns, len(columns["label"]))

    def _read_set(self, kind: ImageSet, path: Path) -> Table:
        import numpy as np
        import polars as pl

        from nntrain.data.table import Table

        found = read_set(kind, path)
        numbers = np.concatenate([numbers for _, numbers in found.values()])
        labels = [kind.classes[int(number)] for number in numbers]
        columns = {
            "image": np.concatenate([images for images, _ in found.values()]),
            "label": pl.Series("label", labels, dtype=pl.String),
            "split": pl.Series("split", [part for part, (images, _) in found.items() for _ in range(len(images))], dtype=pl.String),
        }
        known = {"label": HeaderColumn("label", (), "class")}
        return Table(self.name, columns, len(labels), known=known, classes={"label": kind.classes})

    def fingerprint(self, path: Path) -> str:
        """What is in the files of the set, hashed. Raises `DataError`."""
        from nntrain.data.file_store import FileStore

        if self.kind is None or path.is_file():
            return super().fingerprint(path)
        names = [file.relative_to(path).as_posix() for files in set_files(self.kind, path).values() for file in files]
        return FileStore(path).fingerprint(names)
