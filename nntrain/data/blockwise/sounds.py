"""What an audio field learns of rows a block at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from nntrain.data.audio.reading import features_of
from nntrain.data.blockwise.learning import Moments
from nntrain.data.fields.field import RaggedArray

if TYPE_CHECKING:
    from nntrain.data.fields.audio import Audio
    from nntrain.data.fields.field import Array, State, Values


class SoundsLearner:
    """Offset and scale of each feature over all steps, as `nntrain.data.audio.reading.fit_sounds` has them."""

    def __init__(self, field: Audio) -> None:
        """Begin with nothing; the sample rate of the field is known where it keeps samples."""
        self._field = field
        self._steps: int | None = None
        self._moments: Moments | None = None

    def add(self, values: Values) -> None:
        """Take in what `Audio.read` gives."""
        found = features_of(self._field, cast("RaggedArray", values)) if self._field.keeps_samples else cast("Array | RaggedArray", values)
        self._steps = None if isinstance(found, RaggedArray) else found.shape[1]
        own = Moments.of(found.values if isinstance(found, RaggedArray) else found.reshape(-1, found.shape[-1]))
        self._moments = own if self._moments is None else self._moments.merged(own)

    def state(self) -> State:
        """As `Audio.fit` has it."""
        import torch

        found = self._moments
        assert found is not None
        offset, scale = np.zeros_like(found.mean), np.ones_like(found.mean)
        if self._field.normalize == "standard":
            spread = np.sqrt(found.squares / np.maximum(found.counts, 1))
            offset, scale = found.mean, np.where(spread > 0, spread, 1.0)
        return {"steps": self._steps, "offset": torch.from_numpy(offset), "scale": torch.from_numpy(scale)}
