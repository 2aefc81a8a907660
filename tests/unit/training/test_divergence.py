import math
from dataclasses import replace

import pytest
import torch
from test_loop import Overflowing
from tiny_run import Net, TinyRun, make_data, make_run

from nntrain.errors import DivergedError
from nntrain.optimizers.sgd import SGD
from nntrain.protocols.supervised import SupervisedProtocol
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
    with pytest.raises(DivergedError, match=r"gradient norm nan; first in the gradient of heads\.label"):
        run.reports()


def on_accelerator(run: TinyRun) -> TinyRun:
    """The way of a device on which nothing is read at a step; the tensors stay where they are."""
    run.session = replace(run.session, device=torch.device("mps"))
    return run


class Breaking(Net):
    """Its second head breaks at its third forward pass in training, as long as that batch comes."""

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        self.rows = None

    def forward(self, inputs, state=None):
        outputs, state = super().forward(inputs, state)
        self.passes += self.training
        if self.passes == 3 and self.rows is None:
            self.rows = inputs["@number"]
        if self.rows is not None and torch.equal(inputs["@number"], self.rows):
            outputs["size"] = self.heads["size"](inputs["@number"].repeat(1, 2) * math.inf)
        return outputs, state


def test_on_an_accelerator_the_bad_step_is_told_at_the_next_look() -> None:
    run = on_accelerator(make_run(TrainingSettings(max_epochs=3), targets=("label", "size"), network=Breaking()))
    with pytest.raises(DivergedError, match=r"epoch 1, step 3: the loss or the gradients are not finite; first in heads\.size"):
        run.reports()
    assert all(bool(torch.isfinite(value).all()) for value in run.session.network.state_dict().values())


def test_on_an_accelerator_a_bad_gradient_is_told_by_its_step() -> None:
    run = on_accelerator(make_run(TrainingSettings(max_epochs=3), network=BadGradient()))
    with pytest.raises(DivergedError, match="epoch 1, step 1: the loss or the gradients are not finite"):
        run.reports()


def test_on_an_accelerator_the_bad_input_is_named_although_the_weights_are_lost() -> None:
    run = on_accelerator(make_run(TrainingSettings(max_epochs=3)))
    network = run.session.network
    plain = torch.optim.SGD([{"params": [value], "param_names": [name], "initial_lr": 0.1} for name, value in network.named_parameters()])
    run.session = replace(run.session, optimizer=plain)
    run.session.splits.train.inputs["@number"][7, 2] = math.nan
    steps = SupervisedProtocol().batches(run.session, 0, 0)
    bad = next(step for step, (batch,) in enumerate(steps, 1) if 7 in batch.rows)
    with pytest.raises(DivergedError, match=rf"epoch 1, step {bad}: not finite: weights of body.*; first in the input @number"):
        run.reports()


def test_on_an_accelerator_a_step_that_float16_skips_is_no_divergence() -> None:
    settings = TrainingSettings(max_epochs=2, precision="float16")
    run = on_accelerator(make_run(settings, network=Overflowing(times=2)))
    assert run.reports()[-1].stop_reason == "max_epochs"
    assert run.progress.skipped == 2


def test_float16_gives_up_when_no_scale_helps() -> None:
    run = make_run(TrainingSettings(max_epochs=20, precision="float16"), network=Overflowing(times=1000))
    with pytest.raises(DivergedError, match="overflow at every scale"):
        run.reports()


def test_weights_are_looked_at_before_they_are_measured() -> None:
    run = make_run(TrainingSettings(max_steps=1), batch_size=50)

    def step() -> None:
        with torch.no_grad():
            run.session.network.body[0].weight.fill_(math.nan)

    run.session.optimizer.step = step
    with pytest.raises(DivergedError, match=r"epoch 1, step 1: not finite: weights of body\.0\.weight"):
        run.reports()


def test_validation_data_that_is_not_finite_is_no_divergence() -> None:
    run = make_run(TrainingSettings(max_epochs=1))
    validation = make_data(30, seed=1)
    validation.inputs["@number"][0] = math.nan
    object.__setattr__(run.session.splits, "validation", validation)
    report = run.reports()[-1]
    assert report.metrics["validation.loss"] is None
    assert not report.is_best
