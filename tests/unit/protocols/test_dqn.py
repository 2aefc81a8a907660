"""Deep Q-learning on a corridor: what moves are worth, how tries at random fall, what is remembered, and that a run goes on as it was."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import corridor
import numpy as np
import pytest
import torch
from corridor import MODULE, SOURCE, Corridor, Walk

from nntrain import plugins
from nntrain.assembly import Assembly, assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.data.sources.simulation import EPISODES, episode_seed
from nntrain.errors import CheckpointError, ConfigError, UsageError
from nntrain.protocols.acting import Episode, Returns, Stage, summary_of
from nntrain.protocols.dqn import DQNProtocol, worth_of_moves
from nntrain.protocols.q_learning import DQN, Epsilon
from nntrain.protocols.replay import Replay
from nntrain.training.loop import Pause, Report, fit
from nntrain.training.resampling import intervals
from nntrain.training.session import Origin, Subject
from nntrain.training.snapshot import restore, snapshot
from nntrain.training.state import copied, flatten

TREE: dict[str, Any] = {
    "name": "walk",
    "seed": 1,
    "plugins": [MODULE],
    "data": {"source": SOURCE, "batch_size": 16},
    "architecture": {"type": "mlp", "hidden": [16]},
    "task": "q_values",
    "optimizer": {"type": "adam", "lr": 0.01},
    "training": {
        "protocol": {"type": "dqn", "buffer": 200, "learn_start": 20, "target_every": 10, "epoch_moves": 50},
        "max_epochs": 6,
        "device": "cpu",
    },
}


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(plugins._allowed, MODULE, sys.modules[corridor.__name__])  # pyright: ignore[reportPrivateUsage]


def tree(protocol: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    found = {**copy.deepcopy(TREE), **changes}
    found["training"]["protocol"] |= protocol or {}
    return found


def made(content: dict[str, Any] = TREE) -> Assembly:
    job = prepare_job(read_mapping(content))
    return assemble(job.blueprint, job.prepared)


def trained(run: Assembly, stop: int | None = None) -> list[Report]:
    reports: list[Report] = []
    for event in fit(run.session, run.protocol, run.plan, run.progress, lambda step: step == stop):
        if isinstance(event, Report):
            reports.append(event)
        if event.step == stop:
            break
    return reports


# what a move is worth


def worth(*, double: bool) -> list[float]:
    """Rewards 1, 1, 1 with gamma 0.5; the second move ended its episode, the third was only the last before a cut."""
    rewards, terminated = torch.ones(3), torch.tensor([False, True, False])
    of_copy = torch.tensor([[2.0, 8.0], [2.0, 8.0], [6.0, 4.0]])
    of_network = torch.tensor([[9.0, 1.0], [9.0, 1.0], [0.0, 1.0]])
    found = worth_of_moves(rewards, terminated, of_copy, of_network if double else of_copy, 0.5)
    return [float(value) for value in found]


def test_the_copy_values_the_next_action_that_it_finds_best() -> None:
    assert worth(double=False) == [1 + 0.5 * 8, 1.0, 1 + 0.5 * 6]


def test_double_lets_the_network_choose_and_the_copy_value() -> None:
    assert worth(double=True) == [1 + 0.5 * 2, 1.0, 1 + 0.5 * 4]


def test_what_was_cut_off_goes_on_and_what_ended_does_not(tmp_path: Path) -> None:
    """On the way to the buffer too: a walk that only goes back is cut off, one that goes ahead ends."""
    run = made(tree({"learn_start": 40, "buffer": 60, "epsilon": {"start": 0, "end": 0}}))
    assert isinstance(run.protocol, DQNProtocol)
    for weight in run.session.network.parameters():
        torch.nn.init.zeros_(weight)  # the first action is taken: back
    next(run.protocol.batches(run.session, 0, 0))
    columns = run.protocol.state()["replay"]["columns"]
    assert not columns["terminated"].any()
    assert columns["reward"].tolist() == pytest.approx([-0.1] * 40)
    assert run.protocol.state()["returns"] == pytest.approx([-0.9] * 4)
    bias = [value for name, value in run.session.network.named_parameters() if name.endswith("bias")][-1]
    bias.data = torch.tensor([0.0, 1.0])  # ahead
    for _ in range(10):
        next(run.protocol.batches(run.session, 0, 0))
    columns = run.protocol.state()["replay"]["columns"]
    ended = columns["terminated"][40:50]
    assert ended.any()
    assert columns["reward"][40:50][ended].tolist() == pytest.approx([0.9] * int(ended.sum()))
    assert (columns["action"][40:50] == 1).all()


def test_the_loss_is_of_the_action_that_was_taken() -> None:
    run = made()
    (batch,) = next(run.protocol.batches(run.session, 0, 0))
    assert batch.choice is not None
    outputs, _ = run.session.network(batch.inputs)
    chosen = outputs["action"][torch.arange(16), batch.choice]
    wanted = torch.nn.functional.smooth_l1_loss(chosen, batch.targets["action"])
    assert float(run.protocol.step(run.session, (batch,)).value.detach()) == pytest.approx(float(wanted.detach()))
    halves = batch.split(8)
    run.session.network.zero_grad()
    run.protocol.step(replace(run.session, accumulate=2), halves)
    parts = [parameter.grad.clone() for parameter in run.session.network.parameters() if parameter.grad is not None]
    whole = torch.autograd.grad(wanted, list(run.session.network.parameters()))
    for part, gradient in zip(parts, whole, strict=True):
        torch.testing.assert_close(part, gradient)


# tries at random


def test_the_share_of_tries_falls_in_a_line_and_stays() -> None:
    epsilon = Epsilon(start=0.9, end=0.1, fraction=0.5)
    assert [epsilon.at(step, 100) for step in (0, 25, 50, 75, 100)] == pytest.approx([0.9, 0.5, 0.1, 0.1, 0.1])


def test_the_share_says_how_often_chance_decides() -> None:
    run = made(tree({"learn_start": 200, "epsilon": {"start": 0.5, "end": 0.5}}))
    for weight in run.session.network.parameters():
        torch.nn.init.zeros_(weight)
    next(run.protocol.batches(run.session, 0, 0))
    ahead = run.protocol.state()["replay"]["columns"]["action"].float().mean()
    assert 0.15 < float(ahead) < 0.35, "a quarter: half of the moves are tries, and half of these go ahead"


# what is remembered


def test_the_oldest_moves_go_first() -> None:
    replay = Replay(3)
    for number in range(5):
        seen = {"x": torch.full((1, 2), float(number))}
        replay.add(seen, number % 2, float(number), {"x": seen["x"] + 1}, terminated=number == 4)
    assert len(replay) == 3
    drawn = replay.draw(60, torch.Generator().manual_seed(0))
    assert drawn.rewards.unique().tolist() == [2.0, 3.0, 4.0]
    assert torch.equal(drawn.numbers.float(), drawn.rewards)
    assert torch.equal(drawn.inputs["x"][:, 0], drawn.rewards)
    assert torch.equal(drawn.next_inputs["x"], drawn.inputs["x"] + 1)
    assert torch.equal(drawn.actions, drawn.numbers % 2)
    assert torch.equal(drawn.terminated, drawn.numbers == 4)


@pytest.mark.parametrize("count", [2, 3, 5])
def test_what_is_remembered_can_be_saved(count: int) -> None:
    first, second = Replay(3), Replay(3)
    seen = {"x": torch.zeros(1, 2)}
    for number in range(count):
        first.add(seen, 0, float(number), seen, terminated=False)
    second.restore(copied(first.state()), seen)
    for replay in (first, second):
        replay.add(seen, 1, 9.0, seen, terminated=True)
    one, other = (replay.draw(20, torch.Generator().manual_seed(0)).rewards for replay in (first, second))
    assert torch.equal(one, other)


@pytest.mark.parametrize("change", [{"reward": torch.zeros(3)}, {"action": torch.zeros(2)}, {"more": torch.zeros(2)}])
def test_moves_that_are_none_are_refused(change: dict[str, torch.Tensor]) -> None:
    replay, seen = Replay(3), {"x": torch.zeros(1, 2)}
    for _ in range(2):
        replay.add(seen, 0, 1.0, seen, terminated=False)
    state = replay.state()
    with pytest.raises(ValueError, match="moves"):
        Replay(3).restore({**state, "columns": {**state["columns"], **change}}, seen)


# a run


def test_it_learns_to_walk_ahead() -> None:
    run = made()
    reports = trained(run)
    assert [report.step for report in reports] == [50, 100, 150, 200, 250, 300]
    assert set(reports[0].metrics) == {"train.running_loss", "train.return", "train.return_sd", "validation.return", "validation.return_sd"}
    walk, shortest = Walk(0), list[float]()
    for number in range(6):
        start = int(walk.reset(episode_seed("validation", number))[0])
        shortest.append(1 - 0.1 * (4 - start))
    assert reports[-1].metrics["validation.return"] == pytest.approx(sum(shortest) / 6)
    assert run.protocol.state()["updates"] == 300
    assert run.protocol.state()["replay"]["count"] == 20 + 299


def test_moves_for_each_step_and_steps_of_an_epoch() -> None:
    run = made(tree({"train_every": 5}))
    assert run.plan.steps_per_epoch == 10
    trained(run, 4)
    assert run.protocol.state()["replay"]["count"] == 20 + 3 * 5


@pytest.mark.parametrize("stop", [1, 50])
def test_a_run_goes_on_as_if_it_had_not_been_stopped(stop: int) -> None:
    whole, first, second = made(), made(), made()
    trained(whole, 70)
    trained(first, stop)
    saved = copied(snapshot(first.session, first.protocol, first.progress))
    torch.rand(3)
    restore(second.session, second.protocol, second.progress, saved)
    assert _same(saved["protocol"], second.protocol.state()), "nothing is lost before the next step"
    trained(second, 70)
    assert _same(whole.protocol.state(), second.protocol.state())
    for one, other in zip(whole.session.network.parameters(), second.session.network.parameters(), strict=True):
        assert torch.equal(one, other)


def _same(one: Any, other: Any) -> bool:
    (tensors, rest), (others, its_rest) = flatten(one), flatten(other)
    return rest == its_rest and all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


def test_a_simulation_that_goes_otherwise_is_refused() -> None:
    run = made()
    trained(run, 3)
    saved = run.protocol.state()
    while not saved["episode"]["actions"].numel():
        trained(run, run.progress.step + 1)
        saved = run.protocol.state()
    other = made(tree(data={**TREE["data"], "source": {**SOURCE, "drift": 1}}))
    with pytest.raises(CheckpointError, match="corridor does not go as it went"):
        other.protocol.restore(copied(saved))


@pytest.mark.parametrize("change", [{"actions": torch.tensor([7])}, {"seed": -1}, {"number": "two"}])
def test_an_episode_that_is_none_is_refused(change: dict[str, Any]) -> None:
    job = prepare_job(read_mapping(TREE))
    source = job.config.experiment.data.source
    assert isinstance(source, Corridor)
    stage = Stage(source, Origin(source, job.prepared.fields))
    state = {**Episode.begin(source.open(), 0, 5).state(), **change}
    with pytest.raises(ValueError, match=r"actions|seed|number"):
        Episode.restore(stage, state)


# measuring


def subject_of(run: Assembly) -> Subject:
    return Subject(run.session.network, run.session.objective, run.session.precision, {})


def test_splits_are_measured_by_their_episodes() -> None:
    job = prepare_job(read_mapping(TREE))
    run = assemble(job.blueprint, job.prepared)
    trained(run)
    assert job.prepared.test is not None
    found = run.protocol.measure(subject_of(run), job.prepared.test, "test").metrics
    again = run.protocol.measure(subject_of(run), job.prepared.test, "test").metrics
    random = run.protocol.measure_baseline(subject_of(run), job.prepared.test, "test")
    assert found == again
    assert found["return"] is not None
    assert random["return"] is not None
    assert found["return"] > random["return"] + 0.2
    judged = run.protocol.judge(subject_of(run), job.prepared.test, "test")
    assert len(judged.weights) == 8
    low, high = intervals(judged, 0.95, 0)["return"] or (0, 0)
    assert low <= found["return"] <= high
    assert run.protocol.measure(subject_of(run), job.prepared.train, "train").metrics == {}
    with pytest.raises(UsageError, match="dqn measures by playing episodes of corridor"):
        run.protocol.measure(subject_of(run), job.prepared.test, None)


def test_a_stop_that_is_wanted_leaves_the_report_for_later() -> None:
    run = made()
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(len(asked) == 2)
        return asked[-1]

    session = replace(run.session, stop_wanted=stop)
    events = [type(event) for event in islice(fit(session, run.protocol, run.plan, run.progress, lambda _: False), 2)]
    assert events == [Pause, Report]
    assert run.progress.step == 50


def test_mean_and_spread_of_returns() -> None:
    assert summary_of([]) == {"return": None, "return_sd": None}
    assert summary_of([3.0]) == {"return": 3.0, "return_sd": None}
    assert summary_of([1.0, 2.0, 6.0]) == {"return": 3.0, "return_sd": pytest.approx(float(np.std([1, 2, 6], ddof=1)))}
    found = Returns(torch.tensor([1.0, 2.0, 6.0]).double()).values(torch.tensor([[1.0, 1, 1], [2, 0, 1], [0, 1, 0]]).double())
    assert found["return"].tolist() == pytest.approx([3, 8 / 3, 2])
    assert found["return_sd"].tolist()[:2] == pytest.approx([np.std([1, 2, 6], ddof=1), np.std([1, 1, 6], ddof=1)])
    assert found["return_sd"].isnan().tolist() == [False, False, True]


def test_no_two_kinds_of_episodes_share_a_seed() -> None:
    kinds = ("train", "records", "validation", "test")
    ends = [(episode_seed(kind, 0), episode_seed(kind, EPISODES - 1)) for kind in kinds]
    assert all(last < following for (_, last), (following, _) in pairwise(ends))
    assert ends[-1][1] < 2**31
    assert episode_seed("train", 5 * EPISODES + 7) == episode_seed("train", 7)


# what `check` refuses


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": "classification"}, "the task of action is classification.*task: q_values"),
        ({"metrics": ["accuracy"]}, "metrics.*q_values takes none: what counts is what the actions bring"),
        ({"loss": "quantile"}, "reads several numbers for each action"),
        ({"regularization": {"mixup": 0.2}}, "mixup.*has no effect: dqn has a target for one action alone"),
        ({"baselines": ["linear"]}, "baselines.*compared with a random policy"),
    ],
)
def test_check_refuses_what_does_not_go_with_acting(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){words}"):
        prepare_job(read_mapping(tree(**changes)))


def test_a_wrong_monitor_lists_what_is_reported() -> None:
    content = tree()
    content["training"]["early_stopping"] = {"monitor": "validation.accuracy"}
    with pytest.raises(ConfigError, match=r"This task reports validation\.return, validation\.return_sd"):
        prepare_job(read_mapping(content))


def test_values_of_actions_are_not_learned_from_rows() -> None:
    content = tree()
    content["training"]["protocol"] = {"type": "supervised"}
    with pytest.raises(ConfigError, match=r"(?s)q_values has no right answers in rows.*protocol: dqn"):
        prepare_job(read_mapping(content))


def test_dqn_needs_a_source_to_act_in(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", x=np.random.default_rng(0).normal(size=(40, 2)), y=np.array(["a", "b"])[np.arange(40) % 2])
    with pytest.raises(ConfigError, match="arrays is not a source to act in"):
        prepare_job(
            read_mapping(
                {**tree(data={"source": "rows.npz", "fields": {"y": {"type": "category", "role": "target"}}}), "plugins": []}, (), tmp_path
            )
        )


def test_a_run_without_a_length_has_no_part_to_fall_over() -> None:
    content = tree()
    content["training"] |= {"max_epochs": None, "max_minutes": 1}
    with pytest.raises(ConfigError, match=r"epsilon.*max_minutes alone gives no number of steps"):
        prepare_job(read_mapping(content))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"buffer": 10, "learn_start": 20}, "learn_start 20 is above buffer 10"),
        ({"train_every": 3}, "epoch_moves 1000 is no multiple of train_every 3"),
        ({"epsilon": {"start": 0.1, "end": 0.2}}, "the share falls"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DQN.parse(options)
