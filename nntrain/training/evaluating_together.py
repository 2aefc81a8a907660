"""Measures members that train at once: one forward pass where that is linear layers, and what metrics count in one call.

Each has the numbers that it has by itself, to the bit, wherever what is added up is whole numbers; losses and all other metrics are
added up for each by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor

from nntrain.data.batches import Batch, TensorData
from nntrain.data.lanes import read_batches
from nntrain.modules.stacked import StackedNetworks
from nntrain.training.asking import Reader
from nntrain.training.evaluation import batch_rows, evaluating
from nntrain.training.measuring import Judges, Measuring
from nntrain.training.session import Metrics, Session


@dataclass(frozen=True, slots=True)
class _Split:
    """The rows of a split, which are few."""

    batches: Sequence[Batch]
    """Those of each member."""
    inputs: Mapping[str, Tensor]
    """What the networks read, one member behind another."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """A split of a member, and what it predicts of it."""

    measuring: Measuring
    predictions: Mapping[str, Tensor]
    batch: Batch


class JointEvaluation:
    """The metrics of some members for as long as the same ones train together."""

    def __init__(self, network: StackedNetworks, sessions: Sequence[Session]) -> None:
        """Take them; the network is that of all."""
        self._network = network
        self._sessions = sessions
        self._splits = _splits(sessions)

    def metrics(self) -> list[Metrics] | None:
        """The metrics of each, as its protocol tells them; `None` where each is to be measured by itself.

        That is where rows are many, as arithmetic takes the time then, or differ in their number, where averaged weights are measured,
        where a stop is wanted, and where outputs are not finite, which is looked into member by member.
        """
        if self._splits is None or any(session.stop_wanted() for session in self._sessions):
            return None
        found = [Metrics() for _ in self._sessions]
        shown: dict[str, list[_Shown]] = {}
        with ExitStack() as stack:
            for session in self._sessions[:1] if self._network.is_shared else self._sessions:  # the modules of the first compute for all
                stack.enter_context(evaluating(session.network))
            for name, split in self._splits.items():
                outputs = self._outputs(split)
                if outputs is None:
                    return None
                shown[name] = self._shown(split, outputs)
            _judge([each for members in shown.values() for each in members])
            for name, members in shown.items():
                for metrics, own in zip(found, members, strict=True):
                    metrics.update({f"{name}.{metric}": value for metric, value in own.measuring.scores().metrics.items()})
        return found

    def _outputs(self, split: _Split) -> list[Mapping[str, Tensor]] | None:
        """The outputs of each; `None` where some are not finite."""
        members = len(self._sessions)
        if not self._network.is_shared:
            pairs = zip(self._sessions, split.batches, strict=True)
            found = [Reader(session.network, session.objective, session.precision).outputs(batch) for session, batch in pairs]
            return found if all(_are_finite(own) for own in found) else None
        joint = self._network(split.inputs)
        if not _are_finite(joint):
            return None
        parts = {name: values.chunk(members) for name, values in joint.items()}
        return [{name: values[place] for name, values in parts.items()} for place in range(members)]

    def _shown(self, split: _Split, outputs: Sequence[Mapping[str, Tensor]]) -> list[_Shown]:
        """The losses of each member, and what it predicts."""
        found: list[_Shown] = []
        for session, given, batch in zip(self._sessions, outputs, split.batches, strict=True):
            measuring = Measuring(session.objective, session.device, tables=False)
            measuring.add_losses(given, batch)
            predictions = Reader(session.network, session.objective, session.precision).predictions(batch, given)
            found.append(_Shown(measuring, predictions, batch))
        return found


def _judge(shown: Sequence[_Shown]) -> None:
    """Let metrics count what was predicted: of splits of as many rows in one call."""
    alike: dict[int, list[_Shown]] = {}
    for each in shown:
        alike.setdefault(len(each.batch), []).append(each)
    for some in alike.values():
        predictions, batches = [each.predictions for each in some], [each.batch for each in some]
        Judges.measure_together([each.measuring.judges for each in some], predictions, batches)


def _are_finite(outputs: Mapping[str, Tensor]) -> bool:
    return all(bool(values.isfinite().all()) for values in outputs.values())


def _splits(sessions: Sequence[Session]) -> dict[str, _Split] | None:
    """What is measured of members; `None` where that is not one batch of as many rows for each."""
    first = sessions[0].objective
    is_plain = first.compared_rows is None and not any(target.is_taught for target in first.targets.values())
    if not is_plain or any(session.ema is not None or session.ranks is not None for session in sessions):
        return None
    found: dict[str, _Split] = {}
    for name in ("train", "validation"):
        data = [session.splits.sample if name == "train" else session.splits.validation for session in sessions]
        there = [session.objective.measured(each) for session, each in zip(sessions, data, strict=True) if each is not None]
        if not there:
            continue
        batches = [_only_batch(session, each) for session, each in zip(sessions, there, strict=True)]
        known = [batch for batch in batches if batch is not None]
        if len(known) < len(sessions) or len({len(batch) for batch in known}) > 1:
            return None
        inputs = [session.objective.inputs(batch) for session, batch in zip(sessions, known, strict=True)]
        if len({tuple((key, values.shape) for key, values in each.items()) for each in inputs}) > 1:  # texts are as long as the longest
            return None
        found[name] = _Split(known, {key: torch.cat([each[key] for each in inputs]) for key in inputs[0]})
    return found


def _only_batch(session: Session, data: TensorData) -> Batch | None:
    """All rows of a split where they are one batch and lie in memory."""
    if not len(data) or data.streamed is not None or len(data) > batch_rows(data, session.batch_size, session.portions.evaluation_rows):
        return None
    [batch] = read_batches(data, len(data))
    return batch
