"""Norms that know our axis order and row lengths; parameters and buffers are named as torch's."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, local_response_norm, rms_norm

from nntrain.modules.masking import true_steps


class ImageBatchNorm(nn.BatchNorm2d):
    """torch's, with the call of a layer that may be ragged."""

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise `[B, C, H, W]` over batch and pixels; images are never ragged, so `lengths` is not read."""
        return super().forward(input)


class VolumeBatchNorm(nn.BatchNorm3d):
    """torch's, with the call of a layer that may be ragged."""

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise `[B, C, D, H, W]` over batch and voxels; volumes are never ragged, so `lengths` is not read."""
        return super().forward(input)


class FeatureBatchNorm(nn.BatchNorm1d):
    """Batch norm of features: vectors `[B, F]` over the batch, sequences `[B, T, F]` over batch and true steps, nodes `[S, F]` over all."""

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise; padding enters no statistic."""
        if lengths is None or not self.training or input.ndim == 2:
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


class ChannelRMSNorm(nn.RMSNorm):
    """RMS norm over the channels of each pixel of `[B, C, H, W]`."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise with channels moved last, where the kernel is."""
        return rms_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.eps).movedim(-1, 1)


class FeatureResponseNorm(nn.LocalResponseNorm):
    """Local response norm over the features of each step of `[B, T, F]`."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise."""
        x = local_response_norm(input.transpose(1, 2), self.size, self.alpha, self.beta, self.k)
        return x.transpose(1, 2)


class MaskedGroupNorm(nn.GroupNorm):
    """Group norm of each row: vectors `[B, F]`, sequences `[B, T, F]` over their true steps, images `[B, C, H, W]`, volumes."""

    def __init__(self, num_groups: int, channels: int, eps: float, *, is_sequence: bool, affine: bool = True) -> None:
        super().__init__(num_groups, channels, eps, affine)
        self.is_sequence = is_sequence

    def forward(self, input: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Normalise; padding enters no statistic."""
        if lengths is not None and self.is_sequence:
            return self._normalize_true_steps(input, lengths)
        x = input.transpose(1, 2) if self.is_sequence else input
        # torch's module refuses a single value per group, which a row of one step has: it comes out as 0 and the offset
        x = torch.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)
        return x.transpose(1, 2) if self.is_sequence else x

    def _normalize_true_steps(self, input: Tensor, lengths: Tensor) -> Tensor:
        """By masked sums over `[B, T, groups, F / groups]`."""
        rows, steps, features = input.shape
        x = input if input.itemsize >= 4 else input.float()  # statistics in float32, as torch's kernels do
        x = x.reshape(rows, steps, self.num_groups, features // self.num_groups)
        padding = ~true_steps(lengths, steps)[:, :, None, None]
        count = (lengths.clamp(min=1) * x.shape[3]).view(-1, 1, 1, 1).to(x.dtype)
        mean = x.masked_fill(padding, 0.0).sum((1, 3), keepdim=True) / count
        centered = (x - mean).masked_fill(padding, 0.0)
        variance = centered.square().sum((1, 3), keepdim=True) / count
        x = (centered * (variance + self.eps).rsqrt()).flatten(2)
        if self.affine:
            x = x * self.weight + self.bias
        return x.to(input.dtype)
