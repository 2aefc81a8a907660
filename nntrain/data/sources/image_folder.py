"""Images in folders that are named after their classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.data.file_rows import FileRows, image_rows
from nntrain.data.file_store import FileStore
from nntrain.data.header import FileFacts, Header, HeaderColumn
from nntrain.data.image_header import IMAGE_SUFFIXES
from nntrain.data.sources.source import PART_OF_WORD, GivenFiles
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table


class ImageFolder(GivenFiles):
    """Images in folders of classes: `{split}/{label}/*` or `{label}/*`, in a folder or a .zip file; fields `image` and `label`.

    The first folder is the split where one is called train; val, valid, validation, dev and test are the others. What a class has
    in folders of its own belongs to it. Hidden files, and files that are no images, are left out and counted.
    """

    takes_folders: ClassVar[bool] = True

    type: Literal["image_folder"] = "image_folder"
    path: str
    """The folder or .zip file, counted from the config's folder."""
    validation: str | None = None
    """Folder or .zip file with the validation images, where they are given; `path` then has the training images alone."""
    test: str | None = None
    """Folder or .zip file with the test images, where they are given."""

    @property
    def has_order(self) -> bool:
        """Images in the order of their names, which means nothing."""
        return False

    @property
    def target(self) -> str | None:
        """The class."""
        return "label"

    @property
    def split_column(self) -> str | None:
        """The first folders, where they are splits."""
        return None if self._is_given else "split"

    @property
    def _is_given(self) -> bool:
        """Whether validation or test images have a folder of their own."""
        return self.validation is not None or self.test is not None

    def outline(self) -> Header:
        """An image and a class, of which nothing else is known."""
        image = HeaderColumn("image", (), "file", files=FileFacts(tuple(sorted(IMAGE_SUFFIXES))))
        return Header(self.path, (image, HeaderColumn("label", (), "class")), None)

    def peek(self, path: Path, name: str) -> Header:
        """Classes and the size of the first image of each. Raises `DataError` for images that are not in folders of classes."""
        rows = self._rows(path, name)
        if "label" not in rows.words:
            raise DataError(
                f"{name}: its images are not in folders of classes",
                f"fix:  {name}/CLASS/*.png or {name}/train/CLASS/*.png; or a table with a column of file names, type: image",
            )
        return rows.header(name)

    def _rows(self, path: Path, name: str) -> FileRows:
        """The images of one of the folders. Raises `DataError`."""
        rows = _rows(path, name)
        if self._is_given and "split" in rows.words:
            given = "validation" if self.validation is not None else "test"
            folders = " and ".join(dict.fromkeys(rows.words["split"]))
            raise DataError(
                f"{name} has folders {folders} of its own, and data.source.{given} gives the {given} images",
                f"leave {given} out, or name one of the folders: {self.path}/train",
            )
        return rows

    def reads(self, path: Path) -> bool:
        """A folder, a .zip file or one image: new images need no folders of classes."""
        return path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES | {".zip"}

    def read(self, path: Path, name: str) -> Table:
        """The files and their classes. Raises `DataError`."""
        return self._rows(path, name).table(name)

    def fingerprint(self, path: Path) -> str:
        """Names, sizes and contents of the images. Raises `DataError`."""
        rows = self._rows(path, path.name)
        return rows.store.fingerprint(rows.files["image"])


def _rows(path: Path, name: str) -> FileRows:
    if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file():
        return FileRows(FileStore(path.parent), {"image": [path.name]}, {})
    if path.is_file() and path.suffix.lower() != ".zip":
        raise DataError(f"{name} is neither a folder nor a .zip file")
    return image_rows(FileStore(path), name, PART_OF_WORD)
