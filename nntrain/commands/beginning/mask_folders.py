"""A folder of images and one of masks beside it, as `nntrain init` recognises them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from nntrain.commands.beginning.photo_sizes import sizes_of
from nntrain.data.file_store import FileStore
from nntrain.data.image_header import IMAGE_SUFFIXES
from nntrain.data.table import listed
from nntrain.errors import DataError

IMAGES: Final = ("image", "images", "img", "imgs", "photo", "photos", "input", "inputs")
"""Names of folders that hold images."""
MASKS: Final = ("mask", "masks", "label", "labels", "annotation", "annotations", "segmentation", "segmentations", "gt", "groundtruth")
"""Names of folders that hold their masks."""
_ENDS: Final = ("", "_mask", "_masks", "_label", "_labels", "_seg", "_gt", "-mask", "-label")
"""What the name of a mask has behind that of its image."""
_MULTIPLE: Final = 16
"""A unet halves images up to four times."""
_MOST: Final = 256
"""Height and width of images of several sizes."""
_LOOKED_AT: Final = 200
"""Images whose size is looked at."""


@dataclass(frozen=True, slots=True)
class MaskFolders:
    """Images and masks of the same names."""

    image: str
    """The pattern of the images: `image/{id}.png`, from the folder that is given."""
    mask: str
    pairs: int
    alone: tuple[str, ...]
    """Files of either without a partner."""
    size: tuple[int, int] | None
    """Height and width to which images are resized; `None` where all whose heads tell it (PNG and JPEG) have one that a unet can halve, or
    none tells it."""
    sizes: tuple[tuple[int, int], ...]
    """Those that were found, height and width."""

    def fields(self, classes: dict[str, str] | None) -> dict[str, Any]:
        """Settings of the fields; `classes` has a name for each value that pixels hold, once that is known."""
        size = {} if self.size is None else {"size": self.size[0] if self.size[0] == self.size[1] else list(self.size)}
        mask: dict[str, Any] = {"type": "mask", "role": "target", **({} if classes is None else {"classes": classes})}
        return {"image": {"type": "image", **size}, "mask": mask, "id": {"type": "category", "role": "ignore"}}

    def told(self, values: Sequence[str]) -> list[tuple[str, str]]:
        """What was found."""
        height, width = self.sizes[0] if self.sizes else (0, 0)
        found = [("  pairs", f"{self.pairs:,} of images and masks, by their names: {self.image}, {self.mask}")]
        if self.alone:
            found.append(("left out", f"{len(self.alone):,} without a partner: {listed(self.alone)}"))
        if len(self.sizes) > 1:
            found.append(("  size", f"images of several sizes ({height} x {width} and others) are resized to {self.shown_size}"))
        elif self.size is not None:
            found.append(("  size", f"{height} x {width}, resized to {self.shown_size}, which a unet can halve four times"))
        return [*found, ("  classes", f"pixels of the masks hold {listed(values, 8)}; their names in fields.mask.classes may be others")]

    @property
    def shown_size(self) -> str:
        """`256 x 256`."""
        return " x ".join(map(str, self.size or ()))


def find_mask_folders(data: Path) -> MaskFolders | None:
    """Images and masks in a folder or a .zip file: `image/…` and `label/…` or `masks/…`, of the same names; `None` for anything else."""
    if not data.is_dir() and data.suffix.lower() != ".zip":
        return None
    store = FileStore(data)
    try:
        names, _ = store.names()
    except DataError:
        return None
    found: dict[str, list[PurePosixPath]] = {}
    for name in map(PurePosixPath, names):
        if name.suffix.lower() in IMAGE_SUFFIXES:
            found.setdefault(name.parent.as_posix(), []).append(name)
    by_word = {word: [folder for folder in found if PurePosixPath(folder).name.lower() in word] for word in (IMAGES, MASKS)}
    if len(found) != 2 or any(len(folders) != 1 for folders in by_word.values()):
        return None
    images, masks = (found[by_word[word][0]] for word in (IMAGES, MASKS))
    for end in _ENDS:
        partners = {path.stem.removesuffix(end): path for path in masks if path.stem.endswith(end)}
        pairs = [path for path in images if path.stem in partners]
        if pairs:
            is_paired = {path.stem for path in pairs}
            alone = [path for path in images if path.stem not in is_paired]
            alone += [path for path in masks if path.stem.removesuffix(end) not in is_paired]
            sizes = _sizes(store, pairs)
            shown = tuple(sorted(path.as_posix() for path in alone))
            return MaskFolders(_pattern(images, ""), _pattern(masks, end), len(pairs), shown, _size(sizes), sizes)
    return None


def _pattern(paths: Sequence[PurePosixPath], end: str) -> str:
    suffixes = {path.suffix for path in paths}
    return (paths[0].parent / f"{{id}}{end}{suffixes.pop() if len(suffixes) == 1 else '.*'}").as_posix()


def _sizes(store: FileStore, paths: Sequence[PurePosixPath]) -> tuple[tuple[int, int], ...]:
    """Heights and widths of some images, the commonest first."""
    return tuple(size for size, _ in Counter(sizes_of(store, map(PurePosixPath.as_posix, paths[:_LOOKED_AT]))).most_common())


def _size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int] | None:
    """The size to which images are to be brought; `None` for none."""
    if len(sizes) > 1:
        return _MOST, _MOST
    if not sizes or all(side % _MULTIPLE == 0 for side in sizes[0]):
        return None
    height, width = (max(_MULTIPLE, round(side / _MULTIPLE) * _MULTIPLE) for side in sizes[0])
    return height, width
