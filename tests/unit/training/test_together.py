"""Members that are trained at once equal runs of their own, up to rounding; each has its own rules."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nntrain.assembly import Assembly, assemble
from nntrain.blueprint import draw
from nntrain.commands.members.together import reason_against
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.jobs import Job
from nntrain.config.reading import read_mapping
from nntrain.errors import DivergedError
from nntrain.training import divergence, replay, stacking
from nntrain.training.evaluating_together import JointEvaluation
from nntrain.training.loop import Pause, Report, fit
from nntrain.training.measuring import Judges
from nntrain.training.reproducibility import restore_rng, rng_state
from nntrain.training.snapshot import restore, snapshot
from nntrain.training.state import copied
from nntrain.training.together import Member, fit_together

CLOSE = 1e-5
MLP: Mapping[str, Any] = {"type": "mlp", "hidden": [8, 8]}
REALMLP: Mapping[str, Any] = {"type": "realmlp", "hidden": [8, 8]}
CNN: Mapping[str, Any] = {
    "layers": [{"conv2d": {"out_channels": 3, "kernel_size": 3}}, "batch_norm", "relu", {"max_pool2d": 2}, "flatten", {"linear": 8}, "relu"]
}


@pytest.fixture
def data(tmp_path: Path) -> Mapping[str, Any]:
    generator = np.random.default_rng(0)
    label = generator.integers(0, 3, 60)
    values = generator.normal(size=(60, 16)).astype("float32") + label[:, None]
    images = (values.repeat(4, axis=1).reshape(60, 1, 8, 8) * 20 + 100).clip(0, 255).astype("uint8")
    np.savez(tmp_path / "rows.npz", x=images, y=label, v=values, w=label + generator.random(60))
    return {"source": {"type": "arrays", "path": str(tmp_path / "rows.npz")}, "batch_size": 16}


IMAGES = {"x": {"type": "image"}, "y": {"type": "category", "role": "target"}, "v": {"role": "ignore"}, "w": {"role": "ignore"}}
VECTORS = {"v": {"type": "vector"}, "y": {"type": "category", "role": "target"}, "x": {"role": "ignore"}, "w": {"role": "ignore"}}


def assembled(data: Mapping[str, Any], sections: Mapping[str, Any], members: int = 3) -> list[tuple[Assembly, Mapping[str, Any]]]:
    """The objects of some seeds, and the random states that belong to each."""
    found: list[tuple[Assembly, Mapping[str, Any]]] = []
    prepared = None
    fields = sections.get("fields", IMAGES if sections["architecture"] is CNN else VECTORS)
    for seed in range(members):
        tree = {"name": "x", "training": {"max_epochs": 3}, **sections, "seed": seed}
        tree["data"] = {**data, "fields": fields, "split": {"seed": 0}, **sections.get("data", {})}
        config = read_mapping({key: value for key, value in tree.items() if key != "fields"})
        job = (
            prepare_job(config)
            if prepared is None
            else Job(config, draw(config, prepared.layout, train_rows=prepared.train.shown), prepared)
        )
        prepared = job.prepared
        found.append((assemble(job.blueprint, prepared), rng_state()))
    return found


def member(assembly: Assembly, rng: Mapping[str, Any], pause_at: int | None = None) -> Member:
    return Member(assembly.session, assembly.protocol, assembly.plan, assembly.progress, lambda step: step == pause_at, rng)


def one_by_one(found: list[tuple[Assembly, Mapping[str, Any]]]) -> list[list[Report]]:
    reports: list[list[Report]] = []
    for assembly, rng in found:
        restore_rng(rng)
        events = fit(assembly.session, assembly.protocol, assembly.plan, assembly.progress, lambda _: False)
        reports.append([event for event in events if isinstance(event, Report)])
    return reports


def at_once(found: list[tuple[Assembly, Mapping[str, Any]]]) -> list[list[Report]]:
    reports: list[list[Report]] = [[] for _ in found]
    for event in fit_together([member(*each) for each in found]):
        if event is not None and isinstance(event[1], Report):
            reports[event[0]].append(event[1])
    return reports


def check_equal(data: Mapping[str, Any], sections: Mapping[str, Any]) -> list[list[Report]]:
    alone, together = assembled(data, sections), assembled(data, sections)
    expected, found = one_by_one(alone), at_once(together)
    for ours, theirs in zip(found, expected, strict=True):
        facts = [
            [(each.epoch, each.step, each.lr, each.is_best, each.stop_reason, each.clipped) for each in reports]
            for reports in (ours, theirs)
        ]
        assert facts[0] == facts[1]
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.metrics == pytest.approx(other.metrics, abs=CLOSE)
    for (mine, _), (other, _) in zip(together, alone, strict=True):
        torch.testing.assert_close(mine.session.network.state_dict(), other.session.network.state_dict(), rtol=0, atol=CLOSE)
        assert mine.progress.state() | {"elapsed_s": 0, "running": 0} == other.progress.state() | {"elapsed_s": 0, "running": 0}
    assert len({tuple(each.metrics["train.loss"] for each in reports) for reports in found}) == len(found)
    return found


@pytest.mark.parametrize("optimizer", [{"type": "sgd", "lr": 0.05, "momentum": 0.9}, "adam", "adamw"])
@pytest.mark.parametrize("architecture", [MLP, CNN, REALMLP], ids=["mlp", "cnn", "realmlp"])
def test_members_equal_runs_of_their_own(architecture: Mapping[str, Any], optimizer: Any, data: Mapping[str, Any]) -> None:
    check_equal(data, {"architecture": architecture, "optimizer": optimizer, "regularization": {"weight_decay": 0.01}})


def test_members_draw_the_dropout_that_they_draw_by_themselves(data: Mapping[str, Any]) -> None:
    check_equal(data, {"architecture": MLP, "regularization": {"dropout": 0.3, "clip_norm": 0.5, "ema": 0.9, "l1": 1e-3}})


@pytest.mark.parametrize("schedule", [{"type": "wsd", "decay_fraction": 0.5, "shape": "cosine"}, "coslog"], ids=["flat_cos", "coslog"])
@pytest.mark.parametrize("after", [1, 1000], ids=["recorded", "computed"])
def test_dropout_and_weight_decay_change_as_they_do_by_themselves(
    schedule: Any, after: int, data: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "AFTER", after)
    regularization = {"dropout": 0.3, "weight_decay": 0.5, "scheduler": schedule}
    found = check_equal(data, {"architecture": MLP, "optimizer": {"type": "adamw", "lr": 0.05}, "regularization": regularization})
    constant = check_equal(
        data, {"architecture": MLP, "optimizer": {"type": "adamw", "lr": 0.05}, "regularization": {"dropout": 0.3, "weight_decay": 0.5}}
    )
    assert found[0][-1].metrics["train.loss"] != constant[0][-1].metrics["train.loss"]


@pytest.mark.parametrize("architecture", [MLP, REALMLP], ids=["mlp", "realmlp"])
def test_recorded_steps_have_the_bits_of_recorded_steps_of_each_and_end_with_a_member(
    architecture: Mapping[str, Any], data: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "AFTER", 1)
    kept: list[int] = []
    of = replay.StaticSteps.of

    def counted(steps: replay.StaticSteps, tensors: Sequence[torch.Tensor]) -> replay.Replayed | None:
        found = of(steps, tensors)
        kept.append(0 if found is None else len(tensors))
        return found

    monkeypatch.setattr(replay.StaticSteps, "of", counted)
    training = {"max_epochs": 8, "early_stopping": {"monitor": "validation.accuracy", "patience": 1}}
    optimizer = {"type": "adam", "lr": 0.05}
    sections = {"architecture": architecture, "regularization": {"dropout": 0.3}, "optimizer": optimizer, "training": training}
    alone, together = assembled(data, sections), assembled(data, sections)
    expected = one_by_one(alone)
    assert len({assembly.progress.step for assembly, _ in alone}) > 1
    kept.clear()
    found = at_once(together)
    assert 3 + 2 in kept  # inputs, targets and numbers of rows, and two draws, of all
    assert 3 in kept[kept.index(3 + 2) :]  # one goes on by itself
    for (mine, _), (other, _) in zip(together, alone, strict=True):
        torch.testing.assert_close(mine.session.network.state_dict(), other.session.network.state_dict(), rtol=0, atol=0)
        assert mine.progress.state() | {"elapsed_s": 0} == other.progress.state() | {"elapsed_s": 0}
    assert [without_sums(reports) for reports in found] == [without_sums(reports) for reports in expected]


def without_sums(reports: list[Report]) -> list[dict[str, float | None]]:
    """The metrics, but for the loss that is added up over members' steps in another order."""
    return [{name: value for name, value in report.metrics.items() if name != "train.running_loss"} for report in reports]


@pytest.mark.parametrize(
    ("sections", "is_joint"),
    [
        ({"architecture": MLP}, True),
        ({"architecture": CNN}, True),
        ({"architecture": MLP, "regularization": {"dropout": 0.3}}, True),
        ({"architecture": MLP, "regularization": {"ema": 0.9}}, False),
    ],
)
def test_members_are_measured_at_once_and_have_the_metrics_of_each(
    sections: Mapping[str, Any], is_joint: bool, data: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = assembled(data, sections)
    seen: list[bool] = []
    metrics = JointEvaluation.metrics

    def compared(joint: JointEvaluation) -> Any:
        measured = metrics(joint)
        seen.append(measured is not None)
        for (parts, _), own in zip(found, measured or [], strict=measured is not None):
            assert own == parts.protocol.evaluate(parts.session)
            assert parts.session.network.training
        return measured

    monkeypatch.setattr(JointEvaluation, "metrics", compared)
    at_once(found)
    assert seen == [is_joint] * 3


def test_splits_of_as_many_rows_are_judged_in_one_call(data: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[list[int]] = []
    measure_together = Judges.measure_together

    def counted(all_of: Sequence[Judges], predictions: Sequence[Any], batches: Sequence[Any]) -> None:
        judged.append([len(batch) for batch in batches])
        measure_together(all_of, predictions, batches)

    monkeypatch.setattr(Judges, "measure_together", counted)
    at_once(assembled(data, {"architecture": MLP}))
    assert judged == [[6] * 6] * 3


def test_rows_that_are_mixed_are_mixed_for_each_by_itself(data: Mapping[str, Any]) -> None:
    check_equal(data, {"architecture": MLP, "regularization": {"mixup": 0.2}})


def test_values_are_scored_row_by_row(data: Mapping[str, Any]) -> None:
    fields = {"v": {"type": "vector"}, "w": {"type": "number", "role": "target"}, "x": {"role": "ignore"}, "y": {"role": "weight"}}
    check_equal(data, {"architecture": MLP, "fields": fields, "scheduler": {"type": "cosine", "warmup_fraction": 0.1}})


@pytest.mark.parametrize(
    "target", [{"y": {"type": "category"}, "w": {"role": "ignore"}}, {"w": {"type": "number"}, "y": {"role": "ignore"}}]
)
def test_losses_in_one_call_are_those_of_each(target: Mapping[str, Any], data: Mapping[str, Any]) -> None:
    fields = {"v": {"type": "vector"}, "x": {"role": "ignore"}, **target}
    fields |= {name: {**given, "role": "target"} for name, given in target.items() if "type" in given}
    layers = [{"linear": 32}, "relu", {"linear": "=out"}]
    check_equal(data, {"architecture": {"layers": layers}, "fields": fields, "data": {"batch_size": 32}})


def test_exponentials_are_rounded_as_in_a_run_of_its_own(data: Mapping[str, Any]) -> None:
    layers = [{"linear": 5}, "gelu", {"linear": 32}, "silu", "tanh"]
    check_equal(data, {"architecture": {"layers": layers}, "optimizer": "adam"})


def test_a_rate_that_falls_falls_for_its_member_alone(data: Mapping[str, Any]) -> None:
    schedule = {"type": "plateau", "patience": 0, "monitor": "validation.loss"}
    found = check_equal(data, {"architecture": MLP, "scheduler": schedule, "optimizer": {"type": "adam", "lr": 0.1}})
    assert len({reports[-1].lr for reports in found}) > 1


def test_each_member_stops_by_its_own_rule_and_the_others_go_on(data: Mapping[str, Any]) -> None:
    stopping = {"monitor": "validation.accuracy", "patience": 2}
    training = {"max_epochs": 12, "early_stopping": stopping}
    found = check_equal(data, {"architecture": MLP, "optimizer": {"type": "adamw", "lr": 0.02}, "training": training})
    assert len({reports[-1].step for reports in found}) > 1
    assert {reports[-1].stop_reason for reports in found} >= {"early_stopping"}


def test_a_member_that_is_behind_comes_to_the_bits_of_members_that_kept_step(data: Mapping[str, Any]) -> None:
    sections = {"architecture": CNN, "regularization": {"dropout": 0.3}}
    whole = assembled(data, sections)
    at_once(whole)
    saved: dict[int, Any] = {}
    stopped = assembled(data, sections)
    for event in fit_together([member(*each, pause_at=at) for each, at in zip(stopped, (4, 2, 4), strict=True)]):
        if event is not None and isinstance(event[1], Pause):
            parts = stopped[event[0]][0]
            saved[event[0]] = copied(snapshot(parts.session, parts.protocol, parts.progress))
        if len(saved) == len(stopped):
            break
    resumed: list[tuple[Assembly, Mapping[str, Any]]] = []
    for index, (parts, _) in enumerate(assembled(data, sections)):
        restore(parts.session, parts.protocol, parts.progress, saved[index])
        resumed.append((parts, rng_state()))
    assert [parts.progress.step for parts, _ in resumed] == [4, 2, 4]
    at_once(resumed)
    for (mine, _), (other, _) in zip(resumed, whole, strict=True):
        torch.testing.assert_close(mine.session.network.state_dict(), other.session.network.state_dict(), rtol=0, atol=0)
        assert mine.progress.state() | {"elapsed_s": 0} == other.progress.state() | {"elapsed_s": 0}


def test_reports_that_were_cut_short_come_first_when_members_go_on(data: Mapping[str, Any]) -> None:
    sections = {"architecture": MLP}
    expected = one_by_one(assembled(data, sections))
    stop = [False]
    found: list[tuple[Assembly, Mapping[str, Any]]] = []
    for parts, rng in assembled(data, sections):
        found.append((replace(parts, session=replace(parts.session, stop_wanted=lambda: stop[0])), rng))
    before_the_end = found[0][0].plan.steps_per_epoch - 1

    def asked(step: int) -> bool:
        stop[0] = stop[0] or step == before_the_end
        return False

    reports: list[list[Report]] = [[] for _ in found]
    pauses: list[int] = []
    for event in fit_together([replace(member(*each), pause_due=asked) for each in found]):
        if event is None and stop[0]:  # here a command stops: all are at one step, and none has more to tell
            assert [parts.progress.step for parts, _ in found] == [before_the_end + 1] * 3
            stop[0] = False
        elif event is not None and isinstance(event[1], Report):
            reports[event[0]].append(event[1])
        elif event is not None:
            pauses.append(event[0])
    assert pauses == [0, 1, 2]
    for ours, theirs in zip(reports, expected, strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            assert mine.metrics == pytest.approx(other.metrics, abs=CLOSE)


def test_a_divergence_names_its_member(data: Mapping[str, Any]) -> None:
    found = assembled(data, {"architecture": MLP})
    with torch.no_grad():
        next(found[1][0].session.network.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError) as told:
        at_once(found)
    assert getattr(told.value, "member", None) == 1
    assert [assembly.progress.step for assembly, _ in found] == [0, 0, 0]


def test_a_state_that_is_not_finite_names_its_member_and_what_it_is_of(data: Mapping[str, Any]) -> None:
    found = assembled(data, {"architecture": MLP, "optimizer": {"type": "sgd", "momentum": 0.9}})
    end = found[0][0].plan.steps_per_epoch
    events = fit_together([member(*each, pause_at=end - 1) for each in found])
    assert [event[0] for event in itertools.islice(events, 3) if event is not None and isinstance(event[1], Pause)] == [0, 1, 2]
    optimizer = found[2][0].session.optimizer
    optimizer.state[optimizer.param_groups[0]["params"][0]]["momentum_buffer"][0, 0] = float("inf")
    with pytest.raises(DivergedError, match="momentum_buffer of") as told:
        list(events)
    assert getattr(told.value, "member", None) == 2
    assert [assembly.progress.step for assembly, _ in found] == [end] * 3


@pytest.mark.parametrize("few", [0, 2**18])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), 3e38])
def test_numbers_are_looked_at_in_one_go_where_they_are_few(bad: float, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divergence, "_FEW", few)
    values = [torch.ones(3, 2), torch.tensor(1.0), torch.full((3,), 1e18)]
    assert divergence.are_finite(values) is bool(few)
    values[0][2, 1] = bad
    assert not divergence.are_finite(values)


@pytest.mark.parametrize(("architecture", "is_looked_at"), [(MLP, True), (CNN, False)], ids=["mlp", "running statistics"])
def test_states_of_weights_and_moments_alone_are_looked_at_in_one_go(
    architecture: Mapping[str, Any], is_looked_at: bool, data: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def counted(values: Sequence[torch.Tensor]) -> bool:
        sizes.append(sum(value.numel() for value in values))
        return divergence.are_finite(values)

    monkeypatch.setattr(stacking, "are_finite", counted)
    found = assembled(data, {"architecture": architecture, "optimizer": {"type": "sgd", "momentum": 0.9}})
    at_once(found)
    weights = sum(parameter.numel() for parts, _ in found for parameter in parts.session.network.parameters())
    assert len(sizes) == (3 if is_looked_at else 0)
    assert all(size >= 2 * weights for size in sizes)


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({}, None),
        ({"optimizer": "rmsprop"}, "optimizer RMSprop moves a network at a time"),
        ({"training": {"max_minutes": 1}}, "training.max_minutes counts the time of a single run"),
        ({"training": {"max_epochs": 1, "accumulate": 2}}, "training.accumulate computes a part of a step at a time"),
        ({"architecture": {"layers": [{"linear": 4}, {"alpha_dropout": 0.1}]}}, "can't be computed for several networks at once"),
    ],
)
def test_what_keeps_members_apart_is_told(sections: Mapping[str, Any], reason: str | None, data: Mapping[str, Any]) -> None:
    found = reason_against([assembly for assembly, _ in assembled(data, {"architecture": MLP, **sections}, members=2)])
    assert found == reason or (reason is not None and found is not None and reason in found)
