"""Predictions that are images: written as arrays, since no cell of a table holds one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from nntrain.commands.image_files import check_folder
from nntrain.commands.prediction_files import ARRAY_SUFFIX, FRAME_SUFFIXES, TEXT_SUFFIXES
from nntrain.commands.prediction_masks import is_folder
from nntrain.errors import ResourceError, UsageError
from nntrain.runs import write_atomically

if TYPE_CHECKING:
    from nntrain.commands.stored import Stored
    from nntrain.tasks.task import Decoded

IMAGES: Final = "images.npz"


def image_targets(stored: Stored) -> list[str]:
    """Names of the targets of a run that are images."""
    return [name for name, plan in stored.blueprint.targets.items() if plan.target.field_type == "image"]


def check_form(output: Path | None, images: Sequence[str], masks: Sequence[str], run: str) -> None:
    """Refuse a table for images, and arrays for what is neither an image nor a mask.

    Args:
        output: Where predictions are to be written; `None` for the screen.
        images: Targets that are images.
        masks: Targets that are masks.
        run: Name of the run, for messages.

    Raises:
        UsageError: The name of the file does not fit, or that of a folder which has files.
    """
    is_arrays = output is not None and output.suffix.lower() == ARRAY_SUFFIX
    if images and output is not None and is_folder(output):
        check_folder(output)
    elif images and not is_arrays:
        raise UsageError(
            f"{run} predicts images ({', '.join(images)}), which no text table holds",
            "a PNG each: -o FOLDER   "
            f"arrays [N, C, H, W] in [0, 1]: -o {IMAGES}   or from Python: nntrain.load({run!r}).predict(DATA)[{images[0]!r}].values",
        )
    if is_arrays and not images and not masks:
        raise UsageError(
            f"{output}: predictions are written as arrays only where they are images or masks",
            f"a name that ends in {', '.join(TEXT_SUFFIXES + FRAME_SUFFIXES)}",
        )


def write_arrays(output: Path, predictions: Mapping[str, Decoded]) -> None:
    """Write the predictions of each target as an array under its name, labels as text.

    Images are float32 `[N, C, H, W]`, masks class indices uint8 `[N, H, W]`, others `[N, …]`.

    Raises:
        ResourceError: The disk is full, or the file can't be written; what was there before is whole.
    """
    import numpy as np

    arrays = {
        name: np.asarray(found.values if found.separator is None else [found.separator.join(labels) for labels in found.values])
        for name, found in predictions.items()
    }
    content = BytesIO()
    with ZipFile(content, "w") as archive:  # what numpy's savez writes, whatever the targets are called
        for name, array in arrays.items():
            member_info = ZipInfo(f"{name}.npy")
            member_info.compress_type = ZIP_DEFLATED
            with archive.open(member_info, "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    try:
        write_atomically(output.resolve(), content.getvalue())
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None
