"""L-BFGS through the loop: it moves the weights itself, over one batch or micro-batches, and goes on exactly."""

from __future__ import annotations

import pytest
import torch
from tiny_run import make_run

from nntrain.errors import DivergedError
from nntrain.optimizers.full_batch import LBFGS
from nntrain.optimizers.sgd import SGD
from nntrain.training.settings import TrainingSettings

STRONG = LBFGS(lr=1.0, max_iter=4, line_search_fn="strong_wolfe")


def test_it_needs_fewer_steps_than_gradient_descent() -> None:
    options = {"batch_size": 50, "decay": 0.0}
    found = [make_run(TrainingSettings(max_steps=10), optimizer=one, **options).reports()[-1] for one in (STRONG, SGD(lr=0.1))]
    assert found[0].metrics["train.loss"] < 0.2 * found[1].metrics["train.loss"]


def test_micro_batches_equal_the_whole_batch() -> None:
    whole = make_run(TrainingSettings(max_steps=3), optimizer=STRONG, batch_size=48, rows=48, decay=0.0)
    parts = make_run(TrainingSettings(max_steps=3, accumulate=3), optimizer=STRONG, batch_size=16, rows=48, decay=0.0)
    assert whole.reports()[-1].metrics == pytest.approx(parts.reports()[-1].metrics, rel=1e-2)
    assert all(parameter.grad is None for parameter in whole.session.network.parameters())


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    run = make_run(TrainingSettings(max_steps=50), optimizer=LBFGS(lr=1e30, max_iter=2), batch_size=50, decay=0.0)
    with torch.no_grad():
        run.session.splits.train.inputs["@number"][3] = torch.inf
    with pytest.raises(DivergedError, match="the input @number"):
        run.events()
