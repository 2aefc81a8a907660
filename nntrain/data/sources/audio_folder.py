"""Sounds in folders that are named after their classes."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.file_rows import SOUNDS, FileKind
from nntrain.data.sources.class_folder import ClassFolder


class AudioFolder(ClassFolder):
    """Sounds in folders of classes: `{split}/{label}/*` or `{label}/*`, in a folder or a .zip file; fields `audio` and `label`.

    The first folder is the split where one is called train; val, valid, validation, dev and test are the others. What a class has
    in folders of its own belongs to it. Hidden files, and files that are no sounds, are left out and counted.
    """

    kind: ClassVar[FileKind] = SOUNDS

    type: Literal["audio_folder"] = "audio_folder"
