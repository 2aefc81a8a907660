"""What is kept of rows that metrics rank by their scores for each class."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import torch
from torch import Tensor

from nntrain.modules.metrics import Held, OfRows, by_class
from nntrain.modules.narrow import wide
from nntrain.modules.pairs import area_under
from nntrain.modules.ranking import plain_areas
from nntrain.modules.row_file import Pair, RowFile

MANY_ROWS: Final = 2**16
"""Rows from which on what is ranked is put together for one class at a time: faster for fewer is all at once."""
JOINED: Final = 2**15
"""Rows that are put together: small tensors that are kept would leave holes in the memory between them."""
MOST_HELD: Final = 2**20
"""Bytes of rows that were put together from which on they are kept in a file."""


class OfRankedRows(OfRows):
    """The area under the ROC curve of up to 127 classes, whose memory has a limit where there are many rows and all of them count alike."""

    def __init__(self, value: Callable[[Tensor, Tensor, Tensor], Tensor], mean: Callable[[Tensor, Callable[[], Tensor]], Tensor]) -> None:
        """Begin with nothing.

        Args:
            value: As `OfRows` takes it.
            mean: The number `[R]` that areas `[R, K]` of classes become; it may ask how many rows are of each, float64 `[R, K]`.
        """
        super().__init__(value)
        self._mean = mean
        self._first = 0
        """Of the batches that are not put together yet, and how many rows these have."""
        self._begun = 0
        self._file: RowFile | None = None
        """Rows that came before those in memory."""
        self._has_room = True
        """Whether the disk takes more of them; else they stay in memory."""

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows."""
        super().update(prediction, target.to(torch.int8) if target.dtype == torch.int64 else target, weights)
        self._begun += len(target)
        is_one = not prediction.stride(0)  # the same for all rows, as of a trivial prediction, which takes no memory
        if self._begun >= JOINED and weights is None and not is_one:
            predictions, targets, _ = zip(*self._rows[self._first :], strict=True)
            self._rows[self._first :] = [(torch.cat(predictions), torch.cat(targets), None)]
            self._first, self._begun = len(self._rows), 0
            self._put_away()

    def _put_away(self) -> None:
        """Write the rows that were put together to the file, where they are many."""
        held = sum(prediction.nbytes + target.nbytes for prediction, target, _ in self._rows)
        if not self._has_room or held <= MOST_HELD or any(weights is not None for *_, weights in self._rows):
            return
        try:
            self._file = RowFile() if self._file is None else self._file
            while self._rows:
                self._file.add(self._rows[0][:2])
                del self._rows[0]
        except OSError:
            self._has_room = False
        self._first = len(self._rows)

    def held(self) -> Held:
        if self._file is not None:
            kept: list[tuple[Tensor, Tensor, Tensor | None]] = [(*each, None) for each in self._file]
            self._rows[:0] = kept
            self._first += len(kept)
            self._file, self._has_room = None, False
        predictions, targets, weights = super().held()
        return [predictions, None if targets is None else wide(targets), weights]

    def join(self, held: Sequence[Held]) -> None:
        self._file = None
        super().join(held)

    def of_members(self, predictions: Tensor, targets: Tensor) -> Tensor | None:
        if targets.ndim != 2 or targets.shape[1] >= MANY_ROWS:
            return None
        found = by_class(predictions.flatten(0, 1), targets.flatten())
        scores, positive = (each.cpu().view(*targets.shape, -1).transpose(1, 2).flatten(0, 1) for each in found)
        areas = plain_areas(scores, positive).view(len(targets), -1)
        return self._mean(areas, lambda: positive.sum(1, dtype=torch.float64).view(areas.shape))

    def values(self) -> Tensor:
        """The number of each weighting."""
        rows = sum(len(target) for _, target, _ in self._rows) + (0 if self._file is None else len(self._file))
        if rows < MANY_ROWS or any(weights is not None for *_, weights in self._rows):
            return super().values()
        found = [area_under(lambda place=place: self._of_class(place)) for place in range(self._classes())]
        if any(area is None for area in found):
            return super().values()
        areas, support = (torch.tensor([column], dtype=torch.float64) for column in zip(*filter(None, found), strict=True))
        return self._mean(areas, lambda: support)

    def _classes(self) -> int:
        """Classes, or labels, that have an area."""
        prediction, target = self._shapes()
        return 1 if len(prediction) == 1 or _are_two(prediction, target) else prediction[1]

    def _shapes(self) -> tuple[torch.Size, torch.Size]:
        """Those of the predictions and targets of some rows."""
        return (self._rows[0][0].shape, self._rows[0][1].shape) if self._file is None else self._file.shapes

    def _of_class(self, place: int) -> Iterator[Pair]:
        """The scores `[N]` of a class, or label, and whether rows are of it, bool `[N]`, some rows at a time."""
        prediction, target = self._shapes()
        wanted = 1 if _are_two(prediction, target) else place
        for scores, truth in () if self._file is None else self._file.columns(wanted):
            yield scores, truth > 0.5 if len(target) > 1 or len(prediction) == 1 else truth == wanted
        for each in self._rows:
            scores, positive = by_class(*each[:2])
            yield scores[:, place], positive[:, place]


def _are_two(prediction: torch.Size, target: torch.Size) -> bool:
    """Whether predictions are those of two classes, of which the second alone has an area."""
    return len(target) == 1 and len(prediction) == 2 and prediction[1] == 2
