"""Images in folders that are named after their classes."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.file_rows import IMAGES, FileKind
from nntrain.data.sources.class_folder import ClassFolder


class ImageFolder(ClassFolder):
    """Images in folders of classes: `{split}/{label}/*` or `{label}/*`, in a folder or a .zip file; fields `image` and `label`.

    The first folder is the split where one is called train; val, valid, validation, dev and test are the others. What a class has
    in folders of its own belongs to it. Hidden files, and files that are no images, are left out and counted.
    """

    kind: ClassVar[FileKind] = IMAGES

    type: Literal["image_folder"] = "image_folder"
