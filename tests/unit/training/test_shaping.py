"""Penalties, clipping, noise and bounds, one step at a time against their formulas; all of them in runs that stop and go on."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from tiny_run import make_data, make_run
from torch import nn

from nntrain.data.batches import Batch
from nntrain.optimizers.sgd import SGD
from nntrain.regularization import GradientNoise, Regularization
from nntrain.training.input_noise import normal_by_row, with_noise
from nntrain.training.settings import TrainingSettings
from nntrain.training.shaping import Shaping

BOTH = ("label", "size")


def moved(**options: object) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Weights before, weights after one step of plain descent at rate 1, and the gradients of the loss alone."""
    settings = Regularization.model_validate(options)
    found = []
    for regularization in (Regularization(), settings):
        run = make_run(TrainingSettings(max_steps=1), optimizer=SGD(lr=1.0), decay=0.0, regularization=regularization, targets=BOTH)
        before = {name: value.detach().clone() for name, value in run.session.network.named_parameters()}
        run.events()
        found.append({name: value.detach() for name, value in run.session.network.named_parameters()})
    return before, found[1], {name: before[name] - found[0][name] for name in before}


def test_l1_adds_the_sign_of_weights_and_spares_biases() -> None:
    before, after, gradients = moved(l1=0.01)
    for name, value in before.items():
        penalty = 0.01 * value.sign() if value.ndim > 1 else torch.zeros_like(value)
        torch.testing.assert_close(after[name], value - gradients[name] - penalty)


def test_l1_makes_useless_weights_small() -> None:
    runs = [
        make_run(TrainingSettings(max_epochs=40), optimizer=SGD(lr=0.1), decay=0.0, regularization=Regularization(l1=l1))
        for l1 in (None, 0.02)
    ]
    for run in runs:
        run.events()
    small = [sum(int((value.abs() < 3e-3).sum()) for value in run.session.network.parameters() if value.ndim > 1) for run in runs]
    assert small[1] > small[0] + 5


def test_clip_value_cuts_each_value() -> None:
    before, after, gradients = moved(clip_value=1e-2)
    assert any(bool((gradient.abs() > 1e-2).any()) for gradient in gradients.values())
    for name, value in before.items():
        torch.testing.assert_close(after[name], value - gradients[name].clamp(-1e-2, 1e-2))


def test_values_are_cut_before_the_norm() -> None:
    before, after, gradients = moved(clip_value=1e-2, clip_norm=1e-2)
    cut = {name: gradient.clamp(-1e-2, 1e-2) for name, gradient in gradients.items()}
    norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in cut.values()))
    for name, value in before.items():
        torch.testing.assert_close(after[name], value - cut[name] * min(1, 1e-2 / norm), rtol=1e-4, atol=1e-6)


def test_max_norm_bounds_each_output_unit() -> None:
    before, after, gradients = moved(max_norm=0.5)
    for name, value in before.items():
        free = value - gradients[name]
        if value.ndim == 1:
            torch.testing.assert_close(after[name], free)
            continue
        norms = free.norm(dim=1, keepdim=True)
        assert bool((norms > 0.5).any())
        torch.testing.assert_close(after[name], free * (0.5 / norms).clamp(max=1), rtol=1e-5, atol=1e-6)


def test_the_units_of_a_transposed_convolution_are_its_second_axis() -> None:
    network = nn.ConvTranspose2d(3, 2, 2)
    with torch.no_grad():
        network.weight.mul_(100)
    Shaping.of(Regularization(max_norm=1.0), network, 0).bound()
    assert network.weight.detach().transpose(0, 1).flatten(1).norm(dim=1).tolist() == pytest.approx([1.0, 1.0], rel=1e-4)


def test_decay_all_spares_nothing() -> None:
    network = nn.Linear(3, 2)
    assert len(Shaping.of(Regularization(l1=1.0), network, 0).weights) == 1
    assert len(Shaping.of(Regularization(l1=1.0, decay_all=True), network, 0).weights) == 2


def test_gradient_noise_has_the_variance_of_the_paper_and_is_a_function_of_seed_step_and_update() -> None:
    parameter = nn.Parameter(torch.zeros(200, 500))
    shaping = Shaping(Regularization(gradient_noise=GradientNoise(eta=0.3)), 7, [])

    def drawn(step: int, update: int = 0) -> torch.Tensor:
        parameter.grad = torch.zeros_like(parameter)
        shaping.add_noise([parameter], step, update)
        return parameter.grad.clone()

    for step in (0, 10, 1000):
        assert float(drawn(step).var()) == pytest.approx(0.3 / (1 + step) ** 0.55, rel=0.02)
    torch.rand(3)
    assert torch.equal(drawn(10), drawn(10))
    assert float((drawn(10) * drawn(11)).mean().abs()) < 1e-3
    assert float((drawn(10) * drawn(10, 1)).mean().abs()) < 1e-3
    assert torch.equal(drawn(10, 1), drawn(10, 1))


def test_normal_numbers_are_normal_and_independent() -> None:
    found = normal_by_row(123, torch.arange(500), 400)
    assert float(found.mean()) == pytest.approx(0.0, abs=0.01)
    assert float(found.std()) == pytest.approx(1.0, abs=0.01)
    assert float((found**4).mean()) == pytest.approx(3.0, abs=0.1)
    for axis in (0, 1):
        first, second = found.narrow(axis, 0, found.shape[axis] - 1), found.narrow(axis, 1, found.shape[axis] - 1)
        assert float((first * second).mean()) == pytest.approx(0.0, abs=0.01)
    assert bool(found.isfinite().all())


def test_a_rows_numbers_do_not_depend_on_the_others() -> None:
    rows = torch.tensor([5, 900, 2**40])
    whole = normal_by_row(1, rows, 8)
    assert torch.equal(whole[1:], normal_by_row(1, rows[1:], 8))
    assert torch.equal(whole[:, :3], normal_by_row(1, rows, 3))
    assert not torch.equal(whole, normal_by_row(2, rows, 8))


def test_noise_touches_numbers_of_true_steps_alone() -> None:
    inputs = {"s": torch.zeros(2, 3, 2), "s.lengths": torch.tensor([1, 3]), "c": torch.tensor([1, 2])}
    batch = Batch(inputs, {}, None, torch.tensor([4, 9]))
    found = with_noise(batch, 0.5, seed=0, epoch=1).inputs
    assert torch.equal(found["c"], inputs["c"])
    assert torch.equal(found["s.lengths"], inputs["s.lengths"])
    assert (found["s"] != 0).any(dim=2).tolist() == [[True, False, False], [True, True, True]]
    assert not torch.equal(found["s"], with_noise(batch, 0.5, seed=0, epoch=2).inputs["s"])
    shorter = Batch({"s": torch.zeros(1, 1, 2), "s.lengths": torch.tensor([1])}, {}, None, torch.tensor([4]))
    assert torch.equal(with_noise(shorter, 0.5, seed=0, epoch=1).inputs["s"], found["s"][:1, :1])


def test_noise_is_added_in_training_alone_and_the_same_for_any_cut() -> None:
    options = {"rows": 48, "optimizer": SGD(lr=0.1), "regularization": Regularization(noise=0.3)}
    big = make_run(TrainingSettings(max_epochs=2), batch_size=16, **options)
    parts = make_run(TrainingSettings(max_epochs=2, accumulate=2), batch_size=8, **options)
    plain = make_run(TrainingSettings(max_epochs=2), batch_size=16, rows=48, optimizer=SGD(lr=0.1))
    one, other, clean = big.reports()[-1].metrics, parts.reports()[-1].metrics, plain.reports()[-1].metrics
    assert one == pytest.approx(other, rel=1e-5)
    assert one["train.loss"] != clean["train.loss"]
    batches = [next(itertools.islice(run.protocol.batches(run.session, 0, 0), 1))[0] for run in (big, plain)]
    noise = batches[0].inputs["@number"] - batches[1].inputs["@number"]
    assert float(noise.std()) == pytest.approx(0.3, rel=0.3)
    assert torch.equal(batches[1].inputs["@number"], make_data(48).inputs["@number"][batches[1].rows])
