"""What an image field learns of rows a block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from nntrain.data.blockwise.learning import Moments
from nntrain.data.images import check_sizes, fit_images, moments_of_levels

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.fields.image import Image

LEVELS = 256


class ImageLearner:
    """Size and channels of all images; how often each value occurs in each channel, and where they are no bytes, mean and deviation."""

    def __init__(self, field: Image) -> None:
        """Begin with nothing."""
        self._field = field
        self._sizes: dict[tuple[int, ...], str] = {}
        self._channels = 1
        self._rows = 0
        self._levels = {channels: np.zeros((channels, LEVELS), dtype=np.int64) for channels in (1, 3)}
        self._moments: Moments | None = None

    def add(self, values: Values) -> None:
        """Take in images `[N, C, H, W]`."""
        images = cast("Array", values)
        channels = images.shape[1]
        self._channels = max(self._channels, channels)
        self._sizes.setdefault(images.shape[2:], f"row {self._rows} of the training rows")
        self._rows += len(images)
        if self._field.normalize != "standard":
            return
        if images.dtype == np.uint8:
            pixels = [np.bincount(images[:, channel].reshape(-1), minlength=LEVELS) for channel in range(channels)]
            self._levels[channels] += np.stack(pixels)
        else:
            own = Moments.of(images.transpose(0, 2, 3, 1).reshape(-1, channels))
            self._moments = own if self._moments is None else self._moments.merged(own)

    def state(self) -> State:
        """As `Image.fit` has it. Raises `DataError` for images of several sizes, or other channels than `normalize` has."""
        check_sizes(self._field.column or "the images", self._sizes)
        height, width = next(iter(self._sizes))
        channels = self._field.num_channels or self._channels
        return fit_images(self._field, (channels, height, width), lambda: self._fitted(channels))

    def _fitted(self, channels: int) -> tuple[Array, Array]:
        """Mean and standard deviation of each channel, float64 `[C]`."""
        if self._moments is not None:
            return self._moments.mean, np.sqrt(self._moments.squares / np.maximum(self._moments.counts, 1))
        return moments_of_levels(self._levels[1] if channels == 1 else self._levels[3] + self._levels[1])
