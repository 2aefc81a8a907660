"""Predictions that are masks: written as images beside those that they are of, as shares of a row in a table, or drawn over images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, cast

from nntrain.data.forms.form import Beside, File, Form, Overlay
from nntrain.errors import UsageError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Decoded
    from nntrain.data.fields.image import Image
    from nntrain.data.fitted import FittedField


@dataclass(frozen=True, slots=True)
class Masks(Form):
    """Class indices `[H, W]`."""

    plural: ClassVar[str] = "masks"
    arrays: ClassVar[str | None] = "arrays [N, H, W] of classes"
    each: ClassVar[str | None] = "a PNG"
    legend: ClassVar[str | None] = "lines are the borders of classes; red is wrong, where the true ones are there"

    values: tuple[int, ...]
    """What pixels of each class hold in the training masks."""

    def columns(self, found: Decoded) -> dict[str, Sequence[object]]:
        """`share_<class>`: how much of each row is taken for it."""
        return {f"share_{label}": column for label, column in found.shares.items()}

    def files(self, found: Decoded, beside: Beside) -> Iterator[File]:
        """A PNG for each row, in the size of its image, that reads as the training masks do. Raises `DataError`."""
        from nntrain.data.forms.drawing import draw_mask
        from nntrain.data.masks import nearest

        for mask, (name, image) in zip(found.values, _images(beside), strict=True):
            fitting = cast("Array", mask) if image is None else nearest(mask, (image.shape[0], image.shape[1]))
            yield name, _png(draw_mask(fitting, self.values))

    def overlay(self, name: str, beside: Beside) -> Overlay:
        """Lines between what is taken for different classes, in the colour of the later one, and red where rows have masks that differ.

        Raises:
            DataError: The masks of the rows can't be read, or hold what is no class.
            UsageError: The network reads no images.
        """
        if beside.input("image") is None:
            raise UsageError(f"--overlay: {name} is beside no image that it could be drawn over", "leave --overlay out")
        field = next(field for field in beside.fields.fields if field.name == name and field.plan.role == "target")
        return _Outlines(beside, _truth(field, beside))


@dataclass(frozen=True, slots=True)
class _Outlines:
    """Draws masks over the images of a table."""

    beside: Beside
    truth: Array | None
    """The masks of all rows, uint8 `[N, H, W]`; `None` where they have none."""

    def files(self, found: Decoded, rows: Sequence[int]) -> Iterator[File]:
        """A PNG for each of some rows, in the size of its image. Raises `DataError`."""
        from nntrain.data.forms.drawing import draw_overlay
        from nntrain.data.masks import nearest

        shown = Beside(self.beside.fields, self.beside.table, rows)
        for mask, row, (name, image) in zip(found.values, rows, _images(shown), strict=True):
            assert image is not None
            fitting = nearest(mask, (image.shape[0], image.shape[1]))
            yield name, _png(draw_overlay(image, fitting, None if self.truth is None else self.truth[row]))


def _png(picture: Any) -> bytes:
    content = BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()


def _images(beside: Beside) -> Iterator[tuple[str, Array | None]]:
    """The image of each row in its own size, uint8 `[H, W, 3]`, and a name for what is made of it; no image where the network reads none.

    Raises:
        DataError: An image can't be read.
    """
    import numpy as np

    from nntrain.data.row_images import row_images

    found, table = beside.input("image"), beside.table
    numbered = [f"{row:05d}.png" for row in beside.rows]
    if found is None:
        yield from ((name, None) for name in numbered)
        return
    column = table.columns[found.plan.columns[0]]
    has_names = not isinstance(column, np.ndarray) and str(column.dtype) != "Binary"
    written = file_names([cast("str", column[row]) for row in beside.rows], beside.rows) if has_names else numbered
    yield from zip(written, row_images(cast("Image", found.plan.field), table, found.plan.columns[0], beside.rows), strict=True)


def file_names(names: Sequence[str], rows: Sequence[int]) -> list[str]:
    """Names of PNG files, all different: those of the images, with the folders in which they differ.

    With their ending where two would be one otherwise (`a.jpg`, `a.png`), and behind the number of their row where they still would be.
    """
    parts = [PurePosixPath(name).parent.parts for name in names]
    common = 0
    while parts and all(len(part) > common and part[common] == parts[0][common] for part in parts):
        common += 1
    inner = [PurePosixPath(*(part for part in PurePosixPath(name).parts[common:] if part not in ("..", "/"))) for name in names]
    for made in (
        [path.with_suffix(".png").as_posix() for path in inner],
        [f"{path.as_posix()}.png" for path in inner],
    ):
        if max(Counter(name.casefold() for name in made).values(), default=1) == 1:  # some systems don't tell A from a
            return made
    return [(path.parent / f"{row:05d}_{path.name}.png").as_posix() for row, path in zip(rows, inner, strict=True)]


def _truth(field: FittedField, beside: Beside) -> Array | None:
    """The masks that the rows of a table have themselves, uint8 `[N, H, W]`; `None` where they have none. Raises `DataError`."""
    from nntrain.data.fields.mask import Mask
    from nntrain.data.masks import check_shown

    settings, table = field.plan.field, beside.table
    if any(column not in table.columns for column in field.plan.columns):
        return None
    values = settings.read(table, field.plan.columns)
    encoded = settings.encode(values, field.state, is_target=True)
    if encoded.unknown is not None and isinstance(settings, Mask):
        check_shown(settings, table, field.plan.columns[0], cast("Array", values), encoded.unknown, field.state)
    return encoded.values
