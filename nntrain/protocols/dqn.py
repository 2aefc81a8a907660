"""Deep Q-learning: acts in the source of the run, and learns from moves that it has made."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from nntrain.data.batches import Batch, TensorData
from nntrain.data.noise import derive_seed
from nntrain.data.sources.simulation import Simulation, episode_seed
from nntrain.data.sources.source import Part
from nntrain.errors import UsageError
from nntrain.protocols.acting import Array, Episode, Returns, Stage, resting, summary_of
from nntrain.protocols.q_learning import DQN
from nntrain.protocols.replay import Moves, Replay
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.training.evaluation import Scores
from nntrain.training.progress import count_of
from nntrain.training.session import Metrics, Origin, Session, StepLoss, Subject, Weighable
from nntrain.training.state import restore_network


class DQNProtocol:
    """See `DQN`. A step is that of supervised learning, on moves and what they are found to be worth."""

    def __init__(self, settings: DQN, origin: Origin) -> None:
        assert isinstance(origin.source, Simulation)
        self._settings, self._source, self._origin = settings, origin.source, origin
        self._supervised = SupervisedProtocol()
        self._replay = Replay(settings.buffer)
        self._random = torch.Generator()
        self._updates = 0
        self._returns: list[float] = []
        """Of the episodes that ended since the last report."""
        self._stage: Stage | None = None
        self._episode: Episode | None = None
        self._copy: nn.Module | None = None
        self._saved_copy: Mapping[str, Tensor] | None = None
        """Weights of a copy that is not made yet."""

    def steps_per_epoch(self, session: Session) -> int:
        """As many as the moves of an epoch allow."""
        return self._settings.epoch

    def batches(self, session: Session, epoch: int, start: int) -> Iterator[tuple[Batch, ...]]:
        """Act, then draw the moves of each step. All that changes does so before a step is handed out: a saved state is whole."""
        rows = session.batch_size * session.accumulate
        for _ in range(start, self._settings.epoch):
            with resting(session.network):
                self._act(session)
                if self._updates % self._settings.target_every == 0:
                    restore_network(self._copy_of(session), session.network.state_dict())
                batch = self._batch(session, self._replay.draw(rows, self._random))
            self._updates += 1
            yield (batch,) if session.accumulate == 1 else batch.split(session.batch_size)

    def step(self, session: Session, batches: tuple[Batch, ...]) -> StepLoss:
        """The loss of the values of the actions that were taken."""
        return self._supervised.step(session, batches)

    def evaluate(self, session: Session) -> Metrics | None:
        """Returns of the episodes that ended, and of the validation episodes; `None` where a stop was wanted in between."""
        found: Metrics = {}
        if session.splits.validation is not None:
            averaged = session.ema.applied(session.network) if session.ema is not None else nullcontext()
            subject = Subject(session.network, session.objective, session.precision, {})
            with averaged:
                returns = self._play(subject, session.splits.validation, "validation", session)
            if returns is None:
                return None
            found = {f"validation.{name}": value for name, value in summary_of(returns).items()}
        trained = {f"train.{name}": value for name, value in summary_of(self._returns).items()}
        self._returns = []
        return trained | found

    def measure(self, subject: Subject, data: TensorData, part: Part | None) -> Scores:
        """Returns of the best actions; nothing of training rows, which are no episodes. Raises `UsageError` for new rows."""
        if part == "train":
            return Scores()
        return Scores(summary_of(self._played(subject, data, part)))

    def measure_baseline(self, subject: Subject, data: TensorData, part: Part | None) -> Metrics:
        """Returns of random actions in the same episodes."""
        if part is None or part == "train":
            return {}
        stage = self._on_stage()
        draw = torch.Generator().manual_seed(derive_seed(0, "random actions", part))

        def choose(observations: Array) -> list[int]:
            return cast("list[int]", torch.randint(len(stage.actions), (len(observations),), generator=draw).tolist())

        return summary_of(stage.play(part, cast("list[int]", data.rows.tolist()), choose) or [])

    def judge(self, subject: Subject, data: TensorData, part: Part | None) -> Weighable:
        """Returns of the best actions, by episode. Raises `UsageError` for rows that are no episodes."""
        return Returns(torch.tensor(self._played(subject, data, part), dtype=torch.float64))

    def state(self) -> dict[str, Any]:
        """The moves that are remembered, the running episode, the copy of the network, and the random numbers."""
        if self._episode is None:
            return {}
        return {
            "updates": self._updates,
            "replay": self._replay.state(),
            "episode": self._episode.state(),
            "returns": list(self._returns),
            "random": self._random.get_state(),
            "copy": dict(self._saved_copy) if self._copy is None and self._saved_copy is not None else self._weights_of_copy(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave; the running episode is played again.

        Raises:
            CheckpointError: The episode does not go as it went.
            LookupError, TypeError, ValueError, AttributeError, RuntimeError: It is not what `state` gives.
        """
        if not state:
            return
        stage = self._on_stage()
        self._updates = count_of(state, "updates")
        self._returns = [float(value) for value in state["returns"]]
        self._random.set_state(state["random"])
        self._copy, self._saved_copy = None, dict(state["copy"])
        if not all(isinstance(value, Tensor) for value in self._saved_copy.values()):
            raise TypeError("copy: weights that are no tensors")
        self._episode = Episode.restore(stage, state["episode"])
        self._replay.restore(state["replay"], stage.inputs(self._episode.observation[None]))

    def _weights_of_copy(self) -> dict[str, Tensor]:
        return {} if self._copy is None else dict(self._copy.state_dict())

    def _on_stage(self) -> Stage:
        """The simulation; looked at when it is first needed."""
        if self._stage is None:
            self._stage = Stage(self._source, self._origin)
        return self._stage

    def _act(self, session: Session) -> None:
        """Make the moves that come before a step."""
        settings, stage = self._settings, self._on_stage()
        if self._episode is None:
            self._random.manual_seed(derive_seed(session.seed, "dqn"))
            self._episode = Episode.begin(stage.source.open(), 0, _seed_of(session, 0))
        share = settings.epsilon.at(self._updates, session.horizon.total_steps)
        before = stage.inputs(self._episode.observation[None])
        for _ in range(max(settings.train_every, settings.learn_start - self._replay.count)):
            place = self._choose(session, stage, before, share)
            moved = self._episode.move(stage.actions[place])
            after = stage.inputs(moved.observation[None])
            self._replay.add(before, place, moved.reward, after, terminated=moved.terminated)
            if moved.terminated or moved.truncated:
                self._returns.append(self._episode.gained)
                number = self._episode.number + 1
                self._episode = Episode.begin(self._episode.world, number, _seed_of(session, number))
                after = stage.inputs(self._episode.observation[None])
            before = after

    def _choose(self, session: Session, stage: Stage, inputs: Mapping[str, Tensor], share: float) -> int:
        """One of the actions, by its place: the best, or with a chance of `share` any."""
        if float(torch.rand((), generator=self._random)) < share:
            return int(torch.randint(len(stage.actions), (), generator=self._random))
        return stage.best(session.network, session.precision, {name: value.to(session.device) for name, value in inputs.items()})[0]

    def _batch(self, session: Session, moves: Moves) -> Batch:
        """Moves as rows with what their actions are found to be worth."""
        stage, device = self._on_stage(), session.device
        after = {name: value.to(device) for name, value in moves.next_inputs.items()}
        worth = stage.values(self._copy_of(session), session.precision, after)
        chooser = stage.values(session.network, session.precision, after) if self._settings.double else worth
        rewards, terminated = moves.rewards.to(device), moves.terminated.to(device)
        return Batch(
            inputs={name: value.to(device) for name, value in moves.inputs.items()},
            targets={stage.target: worth_of_moves(rewards, terminated, worth, chooser, self._settings.gamma)},
            weights=None,
            rows=moves.numbers.to(device),
            choice=moves.actions.to(device),
        )

    def _copy_of(self, session: Session) -> nn.Module:
        """The copy of the network that says what next actions are worth."""
        if self._copy is None:
            self._copy = copy.deepcopy(session.network).requires_grad_(False).eval()
            if self._saved_copy is not None:
                restore_network(self._copy, self._saved_copy)
        return self._copy

    def _played(self, subject: Subject, data: TensorData, part: Part | None) -> list[float]:
        if part is None or part == "train":
            what = "the training rows are none" if part == "train" else "rows of a file are none"
            raise UsageError(f"dqn measures by playing episodes of {self._source.title}, and {what}", "--split validation, or --split test")
        return self._play(subject, data, part) or []

    def _play(self, subject: Subject, data: TensorData, part: Part, session: Session | None = None) -> list[float] | None:
        """Returns of the best actions in the episodes of a split; `None` where the session wants a stop."""
        stage, device = self._on_stage(), data.rows.device

        def choose(observations: Array) -> list[int]:
            return stage.best(subject.network, subject.precision, stage.inputs(observations, device))

        with resting(subject.network):
            return stage.play(part, cast("list[int]", data.rows.tolist()), choose, None if session is None else session.stop_wanted)


def _seed_of(session: Session, episode: int) -> int:
    return episode_seed("train", derive_seed(session.seed, "episode", episode))


def worth_of_moves(rewards: Tensor, terminated: Tensor, worth: Tensor, chooser: Tensor, gamma: float) -> Tensor:
    """What actions are found to be worth: reward + gamma * worth of the next action, and the reward alone where nothing follows.

    Args:
        rewards: Float32 `[B]`.
        terminated: Bool `[B]`: whether the episode came to an end of its own. One that was cut off goes on beyond it.
        worth: What the next actions are worth, `[B, K]`.
        chooser: The values by which the next action is chosen, `[B, K]`: `worth` itself, or those of the network (double Q-learning, van
            Hasselt et al. 2016, equation 4).
        gamma: What a reward counts that comes one move later.

    Returns:
        Float32 `[B]`.
    """
    following = worth.gather(1, chooser.argmax(dim=1, keepdim=True)).squeeze(1)
    return rewards + gamma * following * ~terminated
