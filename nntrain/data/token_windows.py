"""Windows over the tokens of a text as tensors: kept as the tokens and where each window begins, gathered batch by batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.moving import sent
from nntrain.data.packed import StoredTarget


@dataclass(frozen=True, slots=True)
class TokenWindows(StoredTarget):
    """Stretches of a text. Their memory is that of the text and of one number a window."""

    tokens: Tensor
    """Int64 `[S]`."""
    starts: Tensor
    """Int64 `[M]`: where each window begins."""
    steps: int
    """Tokens of a window, T."""
    width: int
    """Different tokens: how many numbers a network says of each, which is what a batch takes."""
    fill: int = 0
    """What stands behind the end of the text."""

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def values_per_row(self) -> int:
        """What the output has for a window."""
        return self.steps * self.width

    @property
    def row_bytes(self) -> int:
        """0: windows stay where they are."""
        return 0

    def follows(self) -> Tensor:
        """Whether each window begins where the one before it ends, bool `[M]`."""
        return self.starts.diff(prepend=self.starts[:1]) == self.steps

    def chained(self) -> Tensor:
        """Positions of the windows in the order of the text, int64 `[M]`."""
        return self.starts.argsort(stable=True)

    def take(self, index: Tensor) -> TokenWindows:
        """Some windows, by position `[B]`, over the same text."""
        return replace(self, starts=self.starts.index_select(0, sent(index, self.starts.device)))

    def narrow(self, start: int, end: int) -> TokenWindows:
        """The windows from `start` to before `end`."""
        return replace(self, starts=self.starts[start:end])

    def to(self, device: torch.device | str) -> TokenWindows:
        """The same windows on a device."""
        return replace(self, tokens=self.tokens.to(device), starts=self.starts.to(device))

    def tensors(self, name: str) -> Mapping[str, Tensor]:
        """`[M, T]`."""
        places = self.starts[:, None] + torch.arange(self.steps, device=self.starts.device)
        end = len(self.tokens)
        found = self.tokens[places.clamp(max=end - 1)]
        return {name: found.masked_fill(places >= end, self.fill)}


def cut_text(tokens: Tensor, steps: int, name: str, width: int, *, first: int, stride: int | None = None) -> TensorData:
    """Windows over a text, each with the tokens that follow its own as target.

    Args:
        tokens: Int64 `[S]`, two at least.
        steps: Tokens of a window, T.
        name: The field that is input and target.
        width: Different tokens.
        first: Number of the first token in the source: windows are numbered by the token that they begin with.
        stride: Tokens from one window to the next, of whole windows that an epoch shows one of `T / stride` of. `None`: one window after
            another, the last of which may reach beyond the end, so that each token but the first is predicted once.
    """
    if stride is None or len(tokens) <= steps:
        starts, overlap = torch.arange(0, len(tokens) - 1, steps), 1
    else:
        starts = torch.arange(0, len(tokens) - steps, stride)
        overlap = max(1, min(steps // stride, len(starts)))
    return TensorData(
        {},
        {},
        None,
        first + starts,
        {name: TokenWindows(tokens, starts, steps, width)},
        stored_targets={name: TokenWindows(tokens, starts + 1, steps, width, fill=-1)},
        overlap=overlap,
    )
