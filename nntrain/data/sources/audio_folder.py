"""Sounds in folders that are named after their classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.data.file_rows import SOUNDS, FileKind
from nntrain.data.sources.class_folder import ClassFolder

if TYPE_CHECKING:
    from nntrain.data.blocks import Blocks


class AudioFolder(ClassFolder):
    """Sounds in folders of classes: `{split}/{label}/*` or `{label}/*`, in a folder or a .zip file; fields `audio` and `label`.

    The first folder is the split where one is called train; val, valid, validation, dev and test are the others. What a class has
    in folders of its own belongs to it. Hidden files, and files that are no sounds, are left out and counted.
    """

    kind: ClassVar[FileKind] = SOUNDS
    reads_blocks: ClassVar[bool] = True

    type: Literal["audio_folder"] = "audio_folder"

    def blocks(self, path: Path, name: str, size: int) -> Blocks:
        """The files and their classes, some at a time; their names are in memory. Raises `DataError`."""
        from nntrain.data.blocks import Cut

        return Cut.of_files(self.read(path, name))
