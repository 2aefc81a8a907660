"""Predictions that are masks: written as images, and drawn over the images that they are of."""

from __future__ import annotations

import colorsys
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.errors import DataError, ResourceError, UsageError
from nntrain.runs import write_atomically

if TYPE_CHECKING:
    import numpy as np

    from nntrain.commands.predict import Predictions
    from nntrain.commands.stored import Stored
    from nntrain.data.fields.field import State
    from nntrain.data.fields.image import Image
    from nntrain.data.fitted import FittedField
    from nntrain.data.table import Table

    Array = np.ndarray[Any, Any]

Color = tuple[int, int, int]

COLORS: Final[tuple[Color, ...]] = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Of the first classes, which people who see few colours tell apart (Okabe and Ito, 2008)."""
WRONG: Final = (255, 0, 0)
"""What is laid over pixels that are taken for another class than theirs."""
_STRENGTH: Final = 0.45
"""How much of a wrong pixel is red."""
_PIXELS_PER_LINE: Final = 400
"""Height of an image for each pixel of the width of its outlines."""


def mask_targets(stored: Stored) -> list[str]:
    """Names of the targets of a run that are masks."""
    return [name for name, plan in stored.blueprint.targets.items() if plan.target.field_type == "mask"]


def is_folder(output: Path) -> bool:
    """Whether what is to be written is a folder: it is one, or its name has no ending."""
    return output.is_dir() or not (output.exists() or output.suffix)


def check_folders(output: Path | None, overlay: Path | None, masks: Sequence[str], images: Sequence[str], run: str) -> None:
    """Refuse folders of what is neither masks nor images, or both. Raises `UsageError`."""
    if overlay is not None and not masks:
        raise UsageError(f"--overlay: {run} predicts no masks", "leave --overlay out")
    if output is not None and is_folder(output) and not masks and not images:
        raise UsageError(f"-o needs a file, got {output.as_posix()!r}", "-o predictions.csv")
    if output is not None and is_folder(output) and masks and images:
        raise UsageError(
            f"{run} predicts masks ({', '.join(masks)}) and images ({', '.join(images)})", "arrays of both: -o predictions.npz"
        )
    if overlay is not None and not is_folder(overlay):
        raise UsageError(f"--overlay needs a folder, got {overlay.as_posix()!r}", "--overlay overlays")


def write_masks(folder: Path, stored: Stored, table: Table, found: Predictions) -> int:
    """Write a PNG for each row and mask, in the size of its image, and with the values of the training masks.

    Pixels hold the number of their class in a palette, where the training masks have 0, 1, 2, …; else gray values or colours as these have.

    Returns:
        The number of files.

    Raises:
        ResourceError: The disk is full, or a file can't be written.
        DataError: An image can't be read.
    """

    def drawn(mask: Array, image: Array, field: FittedField, place: int) -> Any:
        return _picture(mask, field.state)

    return _write(folder, stored, table, found, drawn)


def write_overlays(folder: Path, stored: Stored, table: Table, found: Predictions) -> int:
    """Write a PNG for each row and mask: the image, with lines between what is taken for different classes, in the colour of the later one.

    Where the rows have masks of their own, pixels that are taken for another class are red. Returns and raises as `write_masks`.
    """
    truths = {name: _truth(_field(stored, name, "target"), table, found.rows) for name in mask_targets(stored)}

    def drawn(mask: Array, image: Array, field: FittedField, place: int) -> Any:
        truth = truths[field.name]
        return draw_overlay(image, mask, None if truth is None else truth[place])

    return _write(folder, stored, table, found, drawn)


def _write(folder: Path, stored: Stored, table: Table, found: Predictions, make: Any) -> int:
    masks = mask_targets(stored)
    count = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place, (name, image) in enumerate(_images(stored, table, found.rows)):
            for target in masks:
                mask = _fitted(cast("Array", found[target].values[place]), image.shape[:2])
                picture = make(mask, image, _field(stored, target, "target"), place)
                path = folder / (name if len(masks) == 1 else f"{PurePosixPath(name).with_suffix('')}.{target}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                content = BytesIO()
                picture.save(content, format="PNG")
                write_atomically(path.resolve(), content.getvalue())
                count += 1
    except OSError as error:
        raise ResourceError(f"cannot write in {folder.as_posix()}: {error.strerror}") from None
    return count


def draw_overlay(image: Array, mask: Array, truth: Array | None) -> Any:
    """A Pillow image: outlines of a mask `[H, W]` on an image uint8 `[H, W, 3]`.

    Args:
        image: The image.
        mask: Class indices.
        truth: The true ones, 255 where nothing counts, in any size; errors are red. `None` where nobody knows.
    """
    import numpy as np
    from PIL import Image as Pictures

    drawn = image.astype(np.float32)
    if truth is not None:
        truth = _fitted(truth, mask.shape)
        is_wrong = (truth != mask) & (truth != 255)
        drawn[is_wrong] = (1 - _STRENGTH) * drawn[is_wrong] + _STRENGTH * np.array(WRONG)
    drawn = drawn.round().astype(np.uint8)
    later = np.where(_outline(mask, max(1, round(min(mask.shape) / _PIXELS_PER_LINE))), _latest(mask), 0)
    for index in np.unique(later[later > 0]).tolist():
        drawn[later == index] = color_of(index)
    return Pictures.fromarray(drawn)


def color_of(index: int) -> Color:
    """The colour of a class."""
    if index < len(COLORS):
        return COLORS[index]
    red, green, blue = colorsys.hsv_to_rgb(0.61803398875 * index % 1, 0.65, 0.6 + 0.35 * (index % 2))
    return round(255 * red), round(255 * green), round(255 * blue)


def _outline(mask: Array, width: int) -> Array:
    """Pixels that have a neighbour of another class, to the right, below, or so many pixels on, bool `[H, W]`."""
    import numpy as np

    edges = np.zeros(mask.shape, dtype=bool)
    for away in range(1, width + 1):
        edges[:-away] |= mask[:-away] != mask[away:]
        edges[:, :-away] |= mask[:, :-away] != mask[:, away:]
    return edges


def _latest(mask: Array) -> Array:
    """The highest class of each pixel and its neighbours to the right and below."""
    import numpy as np

    found = mask.copy()
    found[:-1] = np.maximum(found[:-1], mask[1:])
    found[:, :-1] = np.maximum(found[:, :-1], mask[:, 1:])
    return found


def _picture(mask: Array, state: State) -> Any:
    """A Pillow image that reads as the training masks do."""
    import numpy as np
    from PIL import Image as Pictures

    from nntrain.data.fields.mask import COLOR

    values = cast("list[int]", state["values"])
    if values == list(range(len(values))):
        picture = Pictures.fromarray(mask.astype(np.uint8), "P")
        picture.putpalette([part for index in range(len(values)) for part in color_of(index)])
        return picture
    table = np.array(values)
    if max(values) >= COLOR:
        colors = (table % COLOR)[mask]
        return Pictures.fromarray(np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=2).astype(np.uint8))
    return Pictures.fromarray(table[mask].astype(np.uint8 if max(values) < 256 else np.uint16))


def _images(stored: Stored, table: Table, rows: Sequence[int]) -> Iterator[tuple[str, Array]]:
    """The image of each row, uint8 `[H, W, 3]`, and a name for what is made of it."""
    import numpy as np

    field = next(field for field in stored.fields.fields if field.plan.role == "input" and field.plan.field.type == "image")
    column = table.columns[field.plan.columns[0]]
    if isinstance(column, np.ndarray) or str(column.dtype) == "Binary":
        values = cast("Array", field.plan.field.read(table, field.plan.columns))
        for row in rows:
            yield f"{row:05d}.png", _shown(values[row])
        return
    names = cast("list[str]", column.to_list())
    short = _short_names([names[row] for row in rows])
    for row, name in zip(rows, short, strict=True):
        yield name, _decoded(table, names[row], cast("Image", field.plan.field))


def _decoded(table: Table, name: str, field: Image) -> Array:
    """An image file in its own size. Raises `DataError`."""
    from nntrain.data.file_store import FileStore
    from nntrain.data.images import decode

    pixels = decode(FileStore(Path()) if table.store is None else table.store, name, field.num_channels, None)
    if isinstance(pixels, str):
        raise DataError(pixels)
    return _shown(pixels)


def _shown(image: Array) -> Array:
    """An image `[C, H, W]`, uint8 or in [0, 1], as uint8 `[H, W, 3]`."""
    import numpy as np

    pixels = image if image.dtype == np.uint8 else (image * 255).round().astype(np.uint8)
    return np.ascontiguousarray((pixels if len(pixels) == 3 else pixels.repeat(3, axis=0)).transpose(1, 2, 0))


def _short_names(names: Sequence[str]) -> list[str]:
    """Names of PNG files: those of the images, without the folders that all have in common; with their ending where two would be one."""
    parts = [PurePosixPath(name).parent.parts for name in names]
    common = 0
    while parts and all(len(part) > common and part[common] == parts[0][common] for part in parts):
        common += 1
    inner = [PurePosixPath(*(part for part in PurePosixPath(name).parts[common:] if part not in ("..", "/"))) for name in names]
    short = [path.with_suffix(".png").as_posix() for path in inner]
    return short if len(set(short)) == len(short) else [f"{path.as_posix()}.png" for path in inner]


def _truth(field: FittedField, table: Table, rows: Sequence[int]) -> Array | None:
    """The masks that the rows have themselves, uint8 `[N, H, W]`; `None` where they have none."""
    if any(column not in table.columns for column in field.plan.columns):
        return None
    values = field.plan.field.read(table, field.plan.columns)
    return field.plan.field.encode(values, field.state, is_target=True).values[list(rows)]


def _field(stored: Stored, name: str, role: str) -> FittedField:
    return next(field for field in stored.fields.fields if field.name == name and field.plan.role == role)


def _fitted(mask: Array, size: Sequence[int]) -> Array:
    """A mask in the size of its image."""
    from nntrain.data.masks import nearest

    return nearest(mask, (size[0], size[1]))


def share_columns(shares: Mapping[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    """What stands in a table in place of masks: how much of each row is of a class."""
    return {f"share_{label}": column for label, column in shares.items()}
