"""What layers draw while training."""

from __future__ import annotations

import torch
from torch.testing import assert_close

from nntrain.layers.channel_dropout import Dropout1d, Dropout2d
from nntrain.layers.dropout import AlphaDropout, GaussianNoise, StochasticDepth
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, Spec


def test_stochastic_depth_drops_whole_rows_and_keeps_the_mean():
    module = StochasticDepth(p=0.25).build(Spec(VECTOR, (3,)))
    out = module(torch.ones(4000, 3))
    assert_close(out, out[:, :1].expand(4000, 3))
    assert_close(out[:, 0].unique(), torch.tensor([0.0, 1 / 0.75]))
    assert_close(out.mean(), torch.tensor(1.0), atol=0.05, rtol=0)


def test_dropout1d_drops_a_feature_at_all_steps():
    out = Dropout1d(p=0.5).build(Spec(SEQUENCE, (RAGGED, 8)))(torch.ones(50, 7, 8))
    assert_close(out, out[:, :1].expand(50, 7, 8))
    assert 0 < (out == 0).float().mean() < 1


def test_dropout2d_drops_whole_channels():
    out = Dropout2d(p=0.5).build(Spec(IMAGE, (8, 3, 3)))(torch.ones(50, 8, 3, 3))
    assert_close(out, out[:, :, :1, :1].expand(50, 8, 3, 3))
    assert 0 < (out == 0).float().mean() < 1


def test_alpha_dropout_keeps_mean_and_variance():
    out = AlphaDropout(p=0.3).build(Spec(VECTOR, (200,)))(torch.randn(1000, 200))
    assert_close(torch.stack([out.mean(), out.std()]), torch.tensor([0.0, 1.0]), atol=0.02, rtol=0)


def test_noise_is_added_in_training_only():
    module = GaussianNoise(std=0.5).build(Spec(VECTOR, (100,)))
    x = torch.zeros(500, 100)
    assert_close(module(x).std(), torch.tensor(0.5), atol=0.01, rtol=0)
    assert module.eval()(x) is x
