"""Buckets of gradients, and what is agreed on while the network computes. Messages are recorded, not sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.data.shares import Share
from nntrain.training import distributed, reduction
from nntrain.training.distributed import Ranks, StepWish
from nntrain.training.place import Place
from nntrain.training.reduction import BUCKET_BYTES, FIRST_BYTES, Reducer
from tests.unit.training.tiny_run import CPU, Net, make_run


class Told(list[str]):
    """What was done, in its order."""


class _Work:
    def __init__(self, told: Told, name: str) -> None:
        self._told, self._name = told, name

    def wait(self) -> None:
        self._told.append(f"waited for {self._name}")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """Of a process that sums with nobody else."""
    found = Told()

    def send(values: Tensor, *, async_op: bool = False) -> _Work | None:
        name = "agreement" if values.dtype == torch.float64 else f"{values.nbytes >> 20} MiB"
        found.append(f"sent {name}")
        return _Work(found, name) if async_op else None

    monkeypatch.setattr(distributed.c10d, "all_reduce", send)
    assert reduction.c10d is distributed.c10d
    return found


def alone(wish: StepWish | None = None) -> Ranks:
    found = Ranks(Place(0, 1, 0, 1), "gloo", CPU, Share(0, 1))
    if wish is not None:
        found.wish = lambda _step: wish
    return found


def backward(parameters: Sequence[nn.Parameter], told: Told) -> None:
    """Gradients that come one after another, the last parameter's first, as those of layers do."""
    reducer = Reducer(parameters, 1)
    reducer.begin()
    reducer.begin_last()
    for place in reversed(range(len(parameters))):
        (parameters[place] * 2.0).sum().backward()
        told.append(f"gradient {place}")
    assert reducer.finish(torch.ones(1)).tolist() == [1.0]


def test_the_first_bucket_is_sent_while_the_backward_pass_runs(told: Told) -> None:
    mib = FIRST_BYTES // 4
    parameters = [nn.Parameter(torch.ones(size * mib)) for size in (1, 3, 2, 1)]
    backward(parameters, told)
    assert told.index("sent 1 MiB") < told.index("gradient 3") < told.index("gradient 2") < told.index("sent 6 MiB")
    assert all(parameter.grad is not None and parameter.grad.eq(2.0).all() for parameter in parameters)


def test_later_buckets_have_their_usual_size(told: Told) -> None:
    mib = FIRST_BYTES // 4
    backward([nn.Parameter(torch.ones(size * mib)) for size in (1, 13, 13, 1)], told)
    assert [each for each in told if each.startswith("sent")] == ["sent 1 MiB", f"sent {(BUCKET_BYTES >> 20) + 1} MiB", "sent 1 MiB"]


def test_a_small_network_has_one_bucket(told: Told) -> None:
    backward([nn.Parameter(torch.ones(8)) for _ in range(3)], told)
    assert told == ["gradient 2", "gradient 1", "gradient 0", "sent 0 MiB", "waited for 0 MiB"]


def test_weights_are_on_their_way_during_the_forward_pass(told: Told) -> None:
    network = Net()

    def note(*_: Any) -> None:
        told.append("forward")

    network.register_forward_pre_hook(note)
    run = make_run(network=network, weights=True)
    object.__setattr__(run.session, "ranks", alone())
    batches = next(run.protocol.batches(run.session, 0, 0))
    found = run.protocol.step(run.session, batches)
    assert told[:3] == ["sent agreement", "forward", "waited for agreement"]
    whole = make_run(weights=True)
    assert torch.equal(found.value, whole.protocol.step(whole.session, next(whole.protocol.batches(whole.session, 0, 0))).value)


def test_sums_are_waited_for_once(told: Told) -> None:
    ranks = alone(StepWish("SIGTERM"))
    agreement = ranks.agree({("y", "mse"): torch.tensor(3.0)})
    assert ranks.granted == StepWish()
    assert agreement.weights() == agreement.weights() == {("y", "mse"): torch.tensor(3.0)}
    assert told == ["sent agreement", "waited for agreement"]
    assert ranks.granted == StepWish("SIGTERM", pause=True)


@pytest.mark.parametrize(("backend", "device", "given"), [("gloo", "cpu", None), ("nccl", "cuda:1", [1])])
def test_processes_meet_on_their_own_devices(monkeypatch: pytest.MonkeyPatch, backend: str, device: str, given: list[int] | None) -> None:
    asked: list[list[int] | None] = []

    def meet(*, device_ids: list[int] | None) -> None:
        asked.append(device_ids)

    monkeypatch.setattr(distributed.c10d, "barrier", meet)
    Ranks(Place(1, 2, 1, 2), backend, torch.device(device), Share(1, 2)).meet()
    assert asked == [given]
