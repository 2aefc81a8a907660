"""Exact values of normalizations."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.testing import assert_close

from nntrain.layers.normalization import BatchNorm, LayerNorm
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, Spec


def test_batch_norm_of_ragged_rows_has_the_statistics_of_true_steps():
    module = BatchNorm(momentum=1.0).build(Spec(SEQUENCE, (RAGGED, 1)))
    x = torch.tensor([[[1.0], [3.0], [99.0]], [[5.0], [-99.0], [99.0]]])
    out = module(x, torch.tensor([2, 1]))
    # true steps 1, 3, 5: mean 3, variance 8/3, unbiased 4
    assert_close(module.running_mean, torch.tensor([3.0]))
    assert_close(module.running_var, torch.tensor([4.0]))
    deviation = (8 / 3 + 1e-5) ** 0.5
    assert_close(torch.stack([out[0, 0], out[0, 1], out[1, 0]]), torch.tensor([[-2.0], [0.0], [2.0]]) / deviation)
    assert module.num_batches_tracked.item() == 1


def test_batch_norm_evaluates_by_running_averages():
    module = BatchNorm().build(Spec(SEQUENCE, (RAGGED, 1))).eval()
    module.running_mean.fill_(2.0)
    module.running_var.fill_(4.0)
    assert_close(module(torch.tensor([[[4.0], [6.0]]]), torch.tensor([1]))[0, 0], torch.tensor([1.0]), atol=1e-5, rtol=0)


def test_batch_norm_of_images_and_rows_is_torchs():
    torch.manual_seed(0)
    image, row = torch.randn(3, 4, 5, 2), torch.randn(7, 4)
    assert_close(BatchNorm().build(Spec(IMAGE, (4, 5, 2)))(image), nn.BatchNorm2d(4)(image))
    assert_close(BatchNorm().build(Spec(VECTOR, (4,)))(row), nn.BatchNorm1d(4)(row))


def test_batch_norm_of_full_sequences_is_torchs_over_steps():
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert_close(BatchNorm().build(Spec(SEQUENCE, (5, 4)))(x), nn.BatchNorm1d(4)(x.transpose(1, 2)).transpose(1, 2))


def test_batch_norm_with_full_lengths_is_that_without_lengths():
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    first, second = (BatchNorm().build(Spec(SEQUENCE, (RAGGED, 4))) for _ in range(2))
    assert_close(first(x, torch.tensor([5, 5, 5])), second(x))
    assert_close(first.state_dict(), second.state_dict())


def test_batch_norm_of_half_precision_has_statistics_in_float32():
    x = torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(0)).bfloat16() + 100
    lengths = torch.tensor([50, 7, 30, 1])
    half, full = (BatchNorm().build(Spec(SEQUENCE, (RAGGED, 3))) for _ in range(2))
    out = half(x, lengths)
    assert out.dtype == torch.bfloat16
    full(x.float(), lengths)
    assert_close(half.running_var, full.running_var)


def test_layer_norm_of_an_image_is_over_channels_at_each_pixel():
    x = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2).contiguous()
    out = LayerNorm(eps=1e-12).build(Spec(IMAGE, (2, 2, 2)))(x)
    assert_close(out, torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 2, 2))


@pytest.mark.parametrize("momentum", [0.0, 1.1])
def test_batch_norm_momentum_is_a_share(momentum: float):
    with pytest.raises(ValidationError, match="momentum"):
        BatchNorm.parse({"type": "batch_norm", "momentum": momentum})
