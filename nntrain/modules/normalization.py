"""Batch norm that knows our axis order and row lengths; parameters and buffers are named as torch's."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import layer_norm

from nntrain.modules.masking import true_steps


class ImageBatchNorm(nn.BatchNorm2d):
    """torch's, with the call of a layer that may be ragged."""

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise `[B, C, H, W]` over batch and pixels; images are never ragged, so `lengths` is not read."""
        return super().forward(input)


class FeatureBatchNorm(nn.BatchNorm1d):
    """Batch norm of features: vectors `[B, F]` over the batch, sequences `[B, T, F]` over batch and true steps."""

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise; padding enters no statistic."""
        if lengths is None or not self.training:
            return super().forward(input.flatten(0, -2)).view(input.shape)
        return self._normalize_true_steps(input, lengths)

    def _normalize_true_steps(self, x: Tensor, lengths: Tensor) -> Tensor:
        """In training: statistics over the true steps of all rows, by masked sums (no gather: no wait for the device)."""
        dtype = x.dtype
        x = x if x.itemsize >= 4 else x.float()  # statistics in float32, as torch's kernels do
        padding = ~true_steps(lengths, x.shape[1]).unsqueeze(2)
        count = lengths.sum().clamp(min=1).to(x.dtype)
        mean = x.masked_fill(padding, 0.0).sum((0, 1)) / count
        centered = (x - mean).masked_fill(padding, 0.0)
        variance = centered.square().sum((0, 1)) / count
        self._track(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        return (centered * (self.weight * (variance + self.eps).rsqrt()) + self.bias).to(dtype)

    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running averages with unbiased variance, as torch does."""
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


class ChannelLayerNorm(nn.LayerNorm):
    """Layer norm over the channels of each pixel of `[B, C, H, W]`."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise with channels moved last, where the kernel is."""
        return layer_norm(input.movedim(1, -1), self.normalized_shape, self.weight, self.bias, self.eps).movedim(-1, 1)
