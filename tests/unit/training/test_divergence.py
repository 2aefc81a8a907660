import math

import pytest
import torch
from test_loop import Overflowing
from tiny_run import Net, make_data, make_run

from nntrain.errors import DivergedError
from nntrain.optimizers.sgd import SGD
from nntrain.training.settings import TrainingSettings


def test_a_rate_far_too_high_stops_before_anything_bad_is_reported() -> None:
    run = make_run(TrainingSettings(max_epochs=20), optimizer=SGD(lr=1e25), targets=("size",))
    with pytest.raises(DivergedError) as error:
        run.reports()
    assert error.value.message.startswith("diverged in epoch 1, step ")
    assert error.value.hint is not None
    assert "optimizer.lr" in error.value.hint


def test_nan_in_the_data_names_the_input_and_leaves_the_weights_alone() -> None:
    run = make_run()
    run.session.splits.train.inputs["@number"][7, 2] = math.nan
    with pytest.raises(DivergedError, match=r"epoch 1, step .*; first in the input @number"):
        run.reports()
    assert all(bool(torch.isfinite(value).all()) for value in run.session.network.state_dict().values())


def test_the_first_layer_that_is_not_finite_is_named() -> None:
    run = make_run(targets=("label", "size"))
    with torch.no_grad():
        run.session.network.heads["size"].bias.fill_(math.inf)
    with pytest.raises(DivergedError, match=r"; first in heads\.size"):
        run.reports()


class BadGradient(Net):
    """Finite outputs, and a gradient that is not."""

    def forward(self, inputs, state=None):
        outputs, state = super().forward(inputs, state)
        if outputs["label"].requires_grad:
            outputs["label"].register_hook(lambda gradient: gradient * math.nan)
        return outputs, state


def test_a_gradient_that_is_not_finite_is_named() -> None:
    run = make_run(network=BadGradient())
    with pytest.raises(DivergedError, match=r"gradient norm nan; first in the gradient of body\.0\.weight"):
        run.reports()


def test_float16_gives_up_when_no_scale_helps() -> None:
    run = make_run(TrainingSettings(max_epochs=20, precision="float16"), network=Overflowing(times=1000))
    with pytest.raises(DivergedError, match="overflow at every scale"):
        run.reports()


def test_weights_are_looked_at_before_they_are_measured() -> None:
    run = make_run(TrainingSettings(max_steps=1))

    def step() -> None:
        with torch.no_grad():
            run.session.network.body[0].weight.fill_(math.nan)

    run.session.optimizer.step = step
    with pytest.raises(DivergedError, match=r"weights are not finite: body\.0\.weight"):
        run.reports()


def test_validation_data_that_is_not_finite_is_no_divergence() -> None:
    run = make_run(TrainingSettings(max_epochs=1))
    validation = make_data(30, seed=1)
    validation.inputs["@number"][0] = math.nan
    object.__setattr__(run.session.splits, "validation", validation)
    report = run.reports()[-1]
    assert report.metrics["validation.loss"] is None
    assert not report.is_best
