"""Windows over rows as tensors: kept as the rows and where each window ends, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nntrain.data.moving import sent
from nntrain.data.packed import StoredTarget


@dataclass(frozen=True, slots=True)
class Windows(StoredTarget):
    """The past of some rows. Their memory is that of the rows and of one number a window, however far each window reaches back."""

    values: Tensor
    """`[N, F]`, or `[N]` of one index a row: rows in their order."""
    origins: Tensor
    """Int64 `[M]`: where in `values` the last row of each window is."""
    steps: int
    """Rows that a window reads, T."""
    step: int
    """Every how many rows it reads one."""
    runs: Tensor | None = None
    """Int64 `[M]`: number of the series in which each window lies, of which another begins where one ends; `None` for one series."""

    def __len__(self) -> int:
        return len(self.origins)

    @property
    def values_per_row(self) -> int:
        """T x F."""
        return self.steps * self.values[:1].numel()

    @property
    def row_bytes(self) -> int:
        """Windows stay where they are until their batch comes."""
        return 0

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """The windows, `[M, T, F]`, or `[M, T]` of rows that are one index each."""
        return {name: self.gather()}

    def follows(self) -> Tensor:
        """Whether each window begins where the one before it ends, bool `[M]`."""
        found = self.origins.diff(prepend=self.origins[:1]) == self.steps * self.step
        return found if self.runs is None else found & (self.runs.diff(prepend=self.runs[:1]) == 0)

    def chained(self) -> Tensor:
        """Positions of the windows series by series, each by time, int64 `[M]`."""
        return self.origins.argsort(stable=True)

    def take(self, index: Tensor) -> Windows:
        """Some windows, by position `[B]`, over the same rows."""
        index = sent(index, self.origins.device)
        runs = None if self.runs is None else self.runs.index_select(0, index)
        return Windows(self.values, self.origins.index_select(0, index), self.steps, self.step, runs)

    def narrow(self, start: int, end: int) -> Windows:
        """The windows from `start` to before `end`."""
        runs = None if self.runs is None else self.runs[start:end]
        return Windows(self.values, self.origins[start:end], self.steps, self.step, runs)

    def to(self, device: torch.device | str) -> Windows:
        """The same windows on a device."""
        runs = None if self.runs is None else self.runs.to(device)
        return Windows(self.values.to(device), self.origins.to(device), self.steps, self.step, runs)

    def gather(self) -> Tensor:
        """`[M, T, …]`, the oldest row of each window first."""
        back = self.step * torch.arange(1 - self.steps, 1, device=self.origins.device)
        rows = (self.origins[:, None] + back).flatten()
        return self.values.index_select(0, rows).reshape(len(self), self.steps, *self.values.shape[1:])
