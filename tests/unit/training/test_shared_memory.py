"""Sums in memory that several processes share; threads stand for them."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from nntrain.errors import ResourceError
from nntrain.training import reduction, shared_memory
from nntrain.training.peers import PeerLostError
from nntrain.training.reduction import Reducer
from nntrain.training.shared_memory import IS_SUPPORTED, Machine, SharedSums

pytestmark = pytest.mark.skipif(not IS_SUPPORTED, reason="only Linux has such memory")

T = TypeVar("T")
SIZES = [(1000, torch.float32), (7, torch.float64), (1, torch.bfloat16)]


def together(size: int, work: Callable[[Machine], T]) -> list[Future[T]]:
    """What each of several threads makes of being one process of a machine."""
    told: queue.Queue[str] = queue.Queue()

    def one(rank: int) -> T:
        def tell(message: Callable[[], str]) -> str:
            if rank:
                return told.get(timeout=60)
            text = message()
            for _ in range(size - 1):
                told.put(text)
            return text

        machine = Machine.meet(rank, size, tell)
        try:
            return work(machine)
        finally:
            machine.close()

    with ThreadPoolExecutor(size) as pool:
        return [pool.submit(one, rank) for rank in range(size)]


def numbers(rank: int, step: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(100 * rank + step)
    return [torch.randn(count, generator=draw).to(dtype) for count, dtype in SIZES]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_sums_are_those_in_the_order_of_ranks(size: int) -> None:
    def work(machine: Machine) -> list[list[Tensor]]:
        shared = SharedSums(machine, SIZES)
        assert all(not piece.any() for piece in shared.own)
        found: list[list[Tensor]] = []
        for step in range(20):
            for piece, values in zip(shared.own, numbers(machine.rank, step), strict=True):
                piece.copy_(values)
            found.append([torch.empty(count, dtype=dtype) for count, dtype in SIZES])
            shared.add_up(found[-1])
        return found

    results = [future.result(60) for future in together(size, work)]
    for step in range(20):
        expected = numbers(0, step)
        for rank in range(1, size):
            expected = [sums + values for sums, values in zip(expected, numbers(rank, step), strict=True)]
        for result in results:
            assert all(map(torch.equal, result[step], expected))


def test_one_that_is_gone_is_noticed_by_all() -> None:
    def work(machine: Machine) -> str:
        shared = SharedSums(machine, SIZES)
        if machine.rank == 1:
            return "ended"
        with pytest.raises(PeerLostError, match="another process of this run has ended"):
            shared.add_up([torch.empty(count, dtype=dtype) for count, dtype in SIZES])
        return "noticed"

    assert [future.result(60) for future in together(3, work)] == ["noticed", "ended", "noticed"]


def test_gradients_are_summed_and_can_be_changed_by_each() -> None:
    """One parameter has a gradient in one process alone, and one in none."""

    def work(machine: Machine) -> tuple[list[float | None], list[float]]:
        parameters = [nn.Parameter(torch.ones(3)) for _ in range(3)]
        reducer = Reducer(parameters, 1, machine)
        extras = torch.empty(0)
        for _ in range(2):
            reducer.begin()
            reducer.begin_last()
            loss = parameters[0].sum() * (1.0 + machine.rank)
            (loss + parameters[1].sum() if machine.rank else loss).backward()
            extras = reducer.finish(torch.tensor([10.0 * (1 + machine.rank)]))
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.grad.mul_(2.0)
            machine.wait()
        return [None if parameter.grad is None else float(parameter.grad[0]) for parameter in parameters], [float(extras[0])]

    assert [future.result(60) for future in together(2, work)] == [([6.0, 2.0, None], [30.0])] * 2


def test_large_networks_send_their_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    class Never(Machine):
        def memory(self, nbytes: int) -> Tensor:
            raise AssertionError(nbytes)

    monkeypatch.setattr(reduction, "MOST_SHARED", 100)
    Reducer([nn.Parameter(torch.ones(100))], 1, Never(0, 2, []))
    with pytest.raises(AssertionError):
        Reducer([nn.Parameter(torch.ones(10))], 1, Never(0, 2, []))


def test_a_process_that_gets_no_memory_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: str) -> int:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("os.memfd_create", none)

    def work(machine: Machine) -> str:
        with pytest.raises(PeerLostError if machine.rank else ResourceError) as found:
            machine.memory(2**20)
        machine.close()
        return str(found.value)

    first, second = (future.result(60) for future in together(2, work))
    assert "no 1 MiB of memory for processes to share: Cannot allocate memory" in first
    assert "another process of this run has ended" in second


def test_a_process_that_does_not_come_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_memory, "PATIENCE_S", 0.2)
    with pytest.raises(PeerLostError, match=r"processes that have not come within 0\.2 s: 1, 2"):
        Machine.meet(0, 3, lambda message: message())
