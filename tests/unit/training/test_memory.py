"""Memory that runs out in a step or an evaluation: stopped with the facts, or computed in smaller portions with the same result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_run import Net, TinyRun, make_run
from torch import Tensor

from nntrain.errors import ResourceError
from nntrain.training.exhaustion import is_exhaustion
from nntrain.training.loop import Pause, Report
from nntrain.training.memory import ExhaustedError, Portions, requested
from nntrain.training.settings import TrainingSettings
from nntrain.training.snapshot import restore, snapshot

CPU_TEXT = (
    "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes. Error code 12"
)
CUDA_TEXT = "CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 14.58 GiB of which 1.20 GiB is free."


class Narrow(Net):
    """Has memory for some rows only. What comes before the failure has moved running statistics and random numbers by then."""

    def __init__(self, most: int, *, in_evaluation: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.most, self.in_evaluation = most, in_evaluation

    def forward(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        outputs = super().forward(inputs, state)
        if len(inputs["@number"]) > self.most and self.training != self.in_evaluation:
            raise RuntimeError(CPU_TEXT)
        return outputs


def halving(run: TinyRun, portions: Portions | None = None) -> TinyRun:
    run.session = replace(run.session, portions=portions or Portions(halves=True))
    return run


def weights(run: TinyRun) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in run.session.network.state_dict().items()}


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize(("text", "found"), [(CPU_TEXT, 4096), (CUDA_TEXT, 3 * 2**29), ("CUDA out of memory.", None)])
def test_what_torch_says_is_read(text: str, found: int | None) -> None:
    assert is_exhaustion(RuntimeError(text))
    assert requested(text) == found


def test_other_errors_are_none() -> None:
    assert not is_exhaustion(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_exhaustion(ValueError("out of memory"))
    assert is_exhaustion(MemoryError())


def test_without_halving_the_facts_are_told() -> None:
    run = make_run(network=Narrow(8))
    before = weights(run)
    with pytest.raises(ExhaustedError) as error:
        run.reports()
    assert isinstance(error.value, ResourceError)
    assert (error.value.where, error.value.rows, error.value.request, error.value.step) == ("step", 16, 4096, 0)
    assert_equal(weights(run), before)


@pytest.mark.parametrize("options", [{}, {"dropout": 0.3}, {"dropout": 0.3, "batch_norm": True}], ids=["plain", "dropout", "batch_norm"])
def test_a_halved_step_is_that_of_a_run_cut_so_from_the_start(options: dict[str, Any]) -> None:
    settings = TrainingSettings(max_epochs=3)
    torch.manual_seed(0)
    halved = halving(make_run(settings, network=Narrow(5, **options)))
    torch.manual_seed(0)
    cut = halving(make_run(settings, network=Narrow(100, **options)), Portions(rows=4))
    cut.session.network.load_state_dict(halved.session.network.state_dict())
    torch.manual_seed(1)
    found = halved.events()
    torch.manual_seed(1)
    wanted = cut.reports()
    assert halved.session.portions.rows == 4  # 16, 8, 4
    assert [event.metrics for event in found if isinstance(event, Report)] == [report.metrics for report in wanted]
    assert_equal(weights(halved), weights(cut))
    assert isinstance(found[0], Pause), "what was decided is saved at once"
    assert found[0].step == 1


def test_halved_steps_equal_whole_ones_up_to_rounding() -> None:
    torch.manual_seed(0)
    whole = make_run(network=Narrow(100))
    torch.manual_seed(0)
    halved = halving(make_run(network=Narrow(4)))
    halved.session.network.load_state_dict(whole.session.network.state_dict())
    whole.reports()
    halved.reports()
    for name, value in weights(whole).items():
        torch.testing.assert_close(value, weights(halved)[name], rtol=1e-4, atol=1e-6)


def test_one_row_has_no_half() -> None:
    with pytest.raises(ExhaustedError) as error:
        halving(make_run(network=Narrow(0))).reports()
    assert error.value.rows == 1


def test_a_norm_over_rows_keeps_two() -> None:
    with pytest.raises(ExhaustedError) as error:
        halving(make_run(network=Narrow(1, batch_norm=True)), Portions(halves=True, least=2)).reports()
    assert error.value.rows == 2


def test_an_evaluation_is_measured_in_halves() -> None:
    torch.manual_seed(0)
    whole = make_run(network=Narrow(1000))
    torch.manual_seed(0)
    halved = halving(make_run(network=Narrow(20, in_evaluation=True)))
    halved.session.network.load_state_dict(whole.session.network.state_dict())
    found, wanted = halved.reports(), whole.reports()
    assert halved.session.portions.evaluation_rows == 16
    assert halved.session.portions.rows is None
    assert [report.metrics["validation.accuracy"] for report in found] == [report.metrics["validation.accuracy"] for report in wanted]
    with pytest.raises(ExhaustedError, match="1,024 rows at once") as error:
        make_run(network=Narrow(20, in_evaluation=True)).reports()
    assert error.value.where == "evaluation"


def test_an_update_that_fails_is_never_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    run = halving(make_run())

    def step() -> None:
        raise torch.OutOfMemoryError(CUDA_TEXT)

    monkeypatch.setattr(run.session.optimizer, "step", step)
    with pytest.raises(ExhaustedError) as error:
        run.reports()
    assert error.value.where == "update"
    assert run.session.portions.rows is None


def test_a_resumed_run_keeps_to_its_portions() -> None:
    settings = TrainingSettings(max_epochs=4)
    straight = halving(make_run(settings, network=Narrow(8), dropout=0.2))
    start = weights(straight)
    straight.reports()

    first = halving(make_run(settings, network=Narrow(8)))
    first.session.network.load_state_dict(start)
    first.events(pause_at=6)
    saved = snapshot(first.session, first.protocol, first.progress)

    second = halving(make_run(settings, network=Narrow(1000)))  # has memory enough, and keeps to what was decided
    restore(second.session, second.protocol, second.progress, saved)
    assert second.session.portions.rows == 8
    second.reports()
    assert_equal(weights(second), weights(straight))


@pytest.mark.parametrize("state", [{}, {"rows": 0, "evaluation_rows": None}, {"rows": "8", "evaluation_rows": None}])
def test_a_state_that_is_none_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises((LookupError, ValueError)):
        Portions().restore(state)
