import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from tiny_run import Net, make_run

from nntrain.losses.loss import Part
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import GroupRule
from nntrain.optimizers.sgd import SGD
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.regularization import Regularization, SWASettings
from nntrain.schedules.step import Step
from nntrain.training import replay
from nntrain.training.loop import Pause, Report, set_learning_rates
from nntrain.training.objective import total
from nntrain.training.progress import Clipping, RunningLoss
from nntrain.training.replay import StaticSteps
from nntrain.training.session import StepLoss
from nntrain.training.settings import ConvergeSettings, EarlyStoppingSettings, Interval, TrainingSettings


def weights(run) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in run.session.network.named_parameters()}


@pytest.mark.parametrize("row_weights", [False, True])
@pytest.mark.parametrize(("rows", "small", "accumulate"), [(48, 8, 2), (50, 8, 2), (50, 4, 4), (49, 8, 2)])
def test_accumulation_equals_the_big_batch(rows: int, small: int, accumulate: int, *, row_weights: bool) -> None:
    options = {"rows": rows, "targets": ("label", "size"), "optimizer": SGD(lr=0.1), "weights": row_weights}
    big = make_run(TrainingSettings(max_epochs=2), batch_size=small * accumulate, **options)
    parts = make_run(TrainingSettings(max_epochs=2, accumulate=accumulate), batch_size=small, **options)
    one, other = big.reports(), parts.reports()
    assert len(one) == 2
    for name, value in weights(big).items():
        torch.testing.assert_close(weights(parts)[name], value, rtol=1e-5, atol=1e-6)
    assert [report.step for report in one] == [report.step for report in other]
    for left, right in zip(one, other, strict=True):
        assert left.metrics == pytest.approx(right.metrics, rel=1e-5)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("row_weights", [False, True])
def test_running_loss_is_the_mean_over_the_rows_of_its_steps(row_weights: bool, accumulate: int) -> None:
    settings = TrainingSettings(max_epochs=1, accumulate=accumulate)
    run = make_run(settings, rows=50, batch_size=16 // accumulate, optimizer=SGD(lr=1e-12), weights=row_weights)
    report = run.reports()[0]
    assert report.metrics["train.running_loss"] == pytest.approx(report.metrics["train.loss"], rel=1e-5)


def test_full_batch_is_one_step_an_epoch() -> None:
    run = make_run(TrainingSettings(max_epochs=3), rows=50, batch_size=50)
    assert [(report.epoch, report.step) for report in run.reports()] == [(1, 1), (2, 2), (3, 3)]


def test_a_last_batch_of_one_row_is_merged() -> None:
    run = make_run(TrainingSettings(max_epochs=1), rows=33, batch_size=16, batch_norm=True)
    assert run.reports()[-1].step == 2


@pytest.mark.parametrize(
    ("settings", "reason", "steps"),
    [
        (TrainingSettings(max_epochs=2), "max_epochs", 8),
        (TrainingSettings(max_steps=5), "max_steps", 5),
        (TrainingSettings(max_epochs=2, max_steps=100), "max_epochs", 8),
        (TrainingSettings(max_minutes=1e-9), "max_minutes", 1),
        (TrainingSettings(max_epochs=50, stop_at={"validation.accuracy": 0.5}), "reached", None),
        (TrainingSettings(max_epochs=50, converge=ConvergeSettings(tolerance=1e9, patience=2)), "converged", 12),
    ],
)
def test_the_reason_for_stopping_is_told(settings: TrainingSettings, reason: str, steps: int | None) -> None:
    run = make_run(settings)
    reports = run.reports()
    assert [report.stop_reason for report in reports[:-1]] == [None] * (len(reports) - 1)
    assert reports[-1].stop_reason == run.progress.stop_reason == reason
    assert steps is None or reports[-1].step == steps


def test_early_stopping_ends_a_run_that_gets_no_better() -> None:
    settings = TrainingSettings(max_epochs=50, early_stopping=EarlyStoppingSettings(patience=3))
    run = make_run(settings, optimizer=SGD(lr=1e-30))
    reports = run.reports()
    assert reports[-1].stop_reason == "early_stopping"
    assert [report.is_best for report in reports] == [True, False, False, False]


def test_it_pauses_where_it_is_asked_to_and_nowhere_else() -> None:
    run = make_run(TrainingSettings(max_epochs=2, evaluate_every=Interval(steps=4)))
    kinds = [(type(event), event.step) for event in run.events(pause_at=3)]
    assert kinds == [(Pause, 3)]
    assert [(type(event), event.step) for event in run.events()] == [(Report, 4), (Report, 8)]


def test_a_finished_run_does_nothing() -> None:
    run = make_run(TrainingSettings(max_epochs=1))
    run.events()
    assert run.events() == []


def test_a_limit_below_the_position_takes_no_further_step() -> None:
    run = make_run(TrainingSettings(max_epochs=3))
    run.events(pause_at=6)
    before = weights(run)
    run.plan = replace(run.plan, settings=TrainingSettings(max_steps=3))
    assert run.events() == []
    assert (run.progress.step, run.progress.stop_reason) == (6, "max_steps")
    assert all(torch.equal(weights(run)[name], value) for name, value in before.items())


def test_pausing_changes_nothing() -> None:
    one = make_run(dropout=0.5)
    one.events()
    other = make_run(dropout=0.5)
    for step in range(1, 8):
        other.events(pause_at=step)
    other.events()
    assert all(torch.equal(weights(other)[name], value) for name, value in weights(one).items())


def test_the_schedule_acts_on_every_group_by_its_own_rate() -> None:
    run = make_run(schedule=Step(every_steps=2, gamma=0.5))
    network = run.session.network
    optimizer = SGD(lr=1.0).build(parameter_groups(network, rules=[GroupRule(match="heads", lr=10.0)]))
    object.__setattr__(run.session, "optimizer", optimizer)
    set_learning_rates(run.session, 5)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 2.5]
    assert run.reports()[-1].lr == pytest.approx(0.5**3)


def test_clipping_bounds_the_step_by_the_norm_of_all_gradients() -> None:
    run = make_run(TrainingSettings(max_steps=1), optimizer=SGD(lr=1.0), clip_norm=1e-3, targets=("label", "size"))
    before = weights(run)
    decay = 1 - 0.01
    run.reports()
    moved = [weights(run)[name] - value * (decay if value.ndim > 1 else 1) for name, value in before.items()]
    assert math.sqrt(sum(float(value.square().sum()) for value in moved)) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(("longest", "share"), [(1e-9, 1.0), (1e9, 0.0), (None, None)])
def test_reports_have_the_share_of_steps_that_were_clipped(longest: float | None, share: float | None) -> None:
    reports = make_run(TrainingSettings(max_epochs=2), optimizer=SGD(lr=0.1), clip_norm=longest).reports()
    assert [report.clipped for report in reports] == [share] * 2


def test_steps_whose_values_were_cut_below_the_longest_norm_are_not_counted_as_clipped() -> None:
    cut = Regularization(clip_value=1e-6, clip_norm=0.01)
    reports = make_run(TrainingSettings(max_epochs=2), optimizer=SGD(lr=0.1), regularization=cut).reports()
    assert [report.clipped for report in reports] == [0.0] * 2


def test_clipped_steps_are_counted_alike_where_they_stay_on_the_device() -> None:
    here, away = Clipping(), Clipping()
    for is_clipped in (True, False, True, True):
        here.add(is_clipped)
        away.add(torch.tensor(is_clipped))
    assert isinstance(away.clipped, torch.Tensor)
    assert (here.take(), away.take()) == (0.75, 0.75)
    assert (here.take(), away.take()) == (None, None)


class Overflowing(Net):
    """The gradients of its first forward passes are infinite in float16."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def forward(self, inputs, state=None):
        outputs, state = super().forward(inputs, state)
        if outputs["label"].requires_grad and self.times > 0:
            self.times -= 1
            outputs["label"].register_hook(lambda gradient: gradient * math.inf)
        return outputs, state


def test_a_step_that_float16_skips_moves_nothing_and_not_the_schedule() -> None:
    settings = TrainingSettings(max_epochs=1, precision="float16")
    run = make_run(settings, network=Overflowing(times=2), ema=0.9, schedule=Step(every_steps=1, gamma=0.5), optimizer=SGD(lr=0.1))
    before = weights(run)
    run.events(pause_at=2)
    assert run.progress.skipped == 2
    assert all(torch.equal(weights(run)[name], value) for name, value in before.items())
    assert run.session.ema is not None
    assert run.session.ema.state(run.session.network)["updates"] == 0
    report = run.reports()[-1]
    assert run.progress.skipped == 2
    assert report.step == 4
    assert report.lr == pytest.approx(0.1 * 0.5)
    assert not torch.equal(weights(run)["heads.label.weight"], before["heads.label.weight"])


def test_skipped_steps_are_no_part_of_the_running_loss() -> None:
    settings = TrainingSettings(max_steps=3, evaluate_every=Interval(steps=1), precision="float16")
    run = make_run(settings, network=Overflowing(times=2))
    losses = [report.metrics["train.running_loss"] for report in run.reports()]
    assert losses[:2] == [None, None]
    assert losses[2] == pytest.approx(1.1, abs=0.3)


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_a_running_loss_that_is_not_finite_is_none(value: float) -> None:
    running = RunningLoss()
    running.add({("y", "mse"): Part(torch.tensor(value), torch.tensor(4.0))})
    assert running.take() is None
    running.add({("y", "mse"): Part(torch.tensor(8.0), torch.tensor(4.0))})
    assert running.take() == 2.0


def test_a_running_loss_divides_the_sum_of_each_part_by_its_weight() -> None:
    running = RunningLoss()
    tokens, kl = ("text", "cross_entropy"), ("loss.z.kl", "")
    steps = [(torch.tensor([3.0, 1.0, 2.0]), 2), (torch.tensor([7.0]), 3)]  # losses of the tokens, and rows of the batch
    for losses, rows in steps:
        running.add(
            {tokens: Part(losses.sum(), torch.tensor(float(len(losses)))), kl: Part(torch.tensor(6.0), torch.tensor(float(rows)), 0.5)}
        )
    restored = RunningLoss.restored(running.state())
    assert running.take() == restored.take() == torch.cat([losses for losses, _ in steps]).mean() + 0.5 * 12 / 5
    assert running.take() is None


def test_running_losses_of_an_accelerator_are_added_up_there_as_exactly_as_here() -> None:
    running, there = RunningLoss(), torch.ones((), device="meta")
    for _ in range(2):
        running.add({("y", "mse"): Part(there, there.half())})
    [(total, weight, _)] = running.parts.values()
    assert [(value.device.type, value.dtype) for value in (total, weight)] == [("meta", torch.float64)] * 2
    assert not running.is_here


class HillClimbing(SupervisedProtocol):
    """Moves the weights itself: a random move is kept where it lowers the loss."""

    def step(self, session, batches):
        with torch.no_grad():
            before = total(self._parts(session, batches[0]))
            moves = [0.1 * torch.randn_like(parameter) for parameter in session.network.parameters()]
            for parameter, move in zip(session.network.parameters(), moves, strict=True):
                parameter += move
            after = total(self._parts(session, batches[0]))
            if after > before:
                for parameter, move in zip(session.network.parameters(), moves, strict=True):
                    parameter -= move
        better = torch.minimum(before, after)
        rows = torch.tensor(float(len(batches[0])))
        return StepLoss(better, {("label", "cross_entropy"): Part(better * rows, rows)}, "applied")


def test_a_protocol_may_move_the_weights_itself() -> None:
    run = make_run(TrainingSettings(max_epochs=20), batch_size=50, ema=0.9)
    run.protocol = HillClimbing()
    reports = run.reports()
    losses = [report.metrics["train.running_loss"] for report in reports]
    assert all(later <= earlier + 1e-5 for earlier, later in pairwise(losses))
    assert losses[-1] < losses[0] - 0.1
    assert not run.session.optimizer.state  # nothing else moved them
    assert run.session.ema.state(run.session.network)["updates"] == 20


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_as_float32_does(precision: str) -> None:
    whole = make_run(TrainingSettings(max_epochs=5)).reports()[-1].metrics
    half = make_run(TrainingSettings(max_epochs=5, precision=precision)).reports()[-1].metrics
    assert half["train.loss"] == pytest.approx(whole["train.loss"], rel=0.05)


def test_skipped_steps_advance_neither_schedule_nor_averages() -> None:
    settings = TrainingSettings(max_steps=8, precision="float16")
    swa = Regularization(swa=SWASettings(start_fraction=0.5, every_steps=1))
    run = make_run(
        settings, network=Overflowing(times=3), schedule=Step(every_steps=2, gamma=0.5), optimizer=SGD(lr=0.1), regularization=swa
    )
    run.events()
    assert run.progress.skipped == 3
    assert run.session.precision.state()["scale"] == 65536 / 2**3
    taken = 8 - 3
    assert run.session.optimizer.param_groups[0]["lr"] == 0.1 * 0.5 ** ((taken - 1) // 2)
    assert run.session.ema is not None
    assert run.session.ema.state(run.session.network)["updates"] == taken - 4, "the steps after the fourth that was taken"


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_without_weight_moves_nothing(accumulate: int) -> None:
    settings = TrainingSettings(max_epochs=1, accumulate=accumulate)
    run = make_run(
        settings, rows=48, batch_size=16 // accumulate, optimizer=SGD(lr=0.1), weights=True, decay=0.0, targets=("label", "size")
    )
    train = run.session.splits.train
    assert train.weights is not None
    first = next(run.protocol.batches(run.session, 0, 0))
    for batch in first:
        train.weights[batch.rows] = 0.0
    before = weights(run)
    run.events(pause_at=1)
    assert all(torch.equal(weights(run)[name], value) for name, value in before.items())
    assert run.progress.running.take() is None
    assert run.events()[-1].metrics["train.running_loss"] is not None  # type: ignore[union-attr]
    assert all(bool(torch.isfinite(value).all()) for value in weights(run).values())


class LooksBackward(Net):
    """Looks at a gradient in the backward pass, when the head has its own already: such a step is not recorded."""

    def forward(self, inputs, state=None):
        hidden = self.body(inputs["@number"])
        if hidden.requires_grad:
            hidden.register_hook(lambda gradient: gradient * float(gradient.abs().max() >= 0))
        return {name: head(hidden) for name, head in self.heads.items()}, {}


def test_a_recording_that_ends_within_the_backward_pass_leaves_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "AFTER", 1)
    runs = [make_run(network=LooksBackward()) for _ in range(2)]
    runs[1].session.network.load_state_dict(runs[0].session.network.state_dict())
    static = StaticSteps(runs[0].session.network)
    runs[0].session = replace(runs[0].session, static=static)
    ours, theirs = ([report.metrics for report in run.reports()] for run in runs)
    assert None in static._recordings.values()
    assert ours == theirs
