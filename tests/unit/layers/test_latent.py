"""The middle of a variational autoencoder: what it draws, what it costs, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from nntrain.errors import SpecError
from nntrain.layers.latent import GaussianLatent
from nntrain.modules.latent import GaussianLatent as Module
from nntrain.modules.latent import divergence_from_normal
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, Spec


def test_the_divergence_is_that_of_torch():
    mean, log_variance = 3 * torch.randn(50, 4), 2 * torch.randn(50, 4)
    known = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence_from_normal(mean, log_variance), known)
    assert divergence_from_normal(torch.zeros(3, 2), torch.zeros(3, 2)).tolist() == [0, 0, 0]


def test_its_gradient_is_that_of_a_mean_of_many_draws():
    """d/d mean and d/d log-variance of E[z^2] are 2 mean and the variance: what is drawn carries both."""
    module = Module(1, 1).train()
    with torch.no_grad():
        for layer, bias in ((module.mean, 0.7), (module.log_variance, -0.4)):
            layer.weight.zero_()
            layer.bias.fill_(bias)
    z, _ = module(torch.zeros(200_000, 1))
    z.square().mean().backward()
    assert module.mean.bias.grad is not None
    assert module.log_variance.bias.grad is not None
    assert module.mean.bias.grad.item() == pytest.approx(1.4, abs=0.02)
    assert module.log_variance.bias.grad.item() == pytest.approx(2.718281828**-0.4, abs=0.02)
    assert (z.mean().item(), z.var().item()) == pytest.approx((0.7, 2.718281828**-0.4), abs=0.02)


def test_draws_follow_the_state_of_the_generator_and_evaluation_draws_none():
    module, x = Module(6, 3), torch.randn(5, 6)
    state = torch.get_rng_state()
    first = module(x)[0]
    assert not torch.equal(module(x)[0], first)
    torch.set_rng_state(state)
    assert torch.equal(module(x)[0], first)
    mean, cost = module.eval()(x)
    torch.testing.assert_close(mean, module.mean(x))
    torch.testing.assert_close(cost, divergence_from_normal(module.mean(x), module.log_variance(x)))
    assert cost.shape == (5,)


def test_the_divergence_is_a_number_where_half_precision_would_overflow():
    module = Module(1, 2).eval()
    with torch.no_grad():
        module.log_variance.bias.fill_(14.0)  # e**14 is beyond float16
    with torch.autocast("cpu", torch.float16):
        _, cost = module(torch.zeros(3, 1))
    assert cost.dtype == torch.float32
    assert torch.isfinite(cost).all()


@pytest.mark.parametrize(
    ("spec", "hint"),
    [(Spec(SEQUENCE, (RAGGED, 6)), "pool: mean"), (Spec(IMAGE, (3, 4, 4)), "flatten, or global_avg_pool"), (Spec((), ()), None)],
)
def test_it_needs_a_row_of_numbers(spec: Spec, hint: str | None):
    with pytest.raises(SpecError, match="needs a row of numbers") as caught:
        GaussianLatent(dim=2).out_spec(spec)
    assert caught.value.hint == hint
    assert GaussianLatent(dim=2).out_spec(Spec(VECTOR, (6,))) == Spec(VECTOR, (2,))
