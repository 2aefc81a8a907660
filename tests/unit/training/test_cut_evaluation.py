"""An evaluation that is cut short is owed: it comes first when the run goes on, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_run import TinyRun, make_run

from nntrain.regularization import Regularization, SWASettings
from nntrain.training.loop import Pause, Report, fit
from nntrain.training.settings import TrainingSettings
from nntrain.training.snapshot import restore, snapshot

SWA = Regularization(swa=SWASettings(start_fraction=0.2))


def tiny(answers: Iterator[bool] | None = None) -> TinyRun:
    run = make_run(TrainingSettings(max_epochs=3), ema=0.9, dropout=0.2, batch_norm=True)
    if answers is not None:
        run.session = replace(run.session, stop_wanted=lambda: next(answers, False))
    return run


@pytest.mark.parametrize("at", [0, 1, 2, 3, 5])
def test_a_run_goes_on_from_an_evaluation_that_was_cut_short(at: int) -> None:
    whole = tiny()
    wanted = whole.reports()
    cut = tiny(iter([*[False] * at, True]))
    found: list[Report] = []
    state: dict[str, Any] | None = None
    for event in fit(cut.session, cut.protocol, cut.plan, cut.progress, lambda _: False):
        if isinstance(event, Pause):
            assert cut.progress.owed_rate is not None
            assert cut.session.network.training
            state = snapshot(cut.session, cut.protocol, cut.progress)
            break
        found.append(event)
    assert state is not None
    resumed = tiny()
    restore(resumed.session, resumed.protocol, resumed.progress, state)
    found += resumed.reports()
    assert found == wanted
    assert resumed.progress.owed_rate is None
    ended = whole.session.network.state_dict()
    assert all(torch.equal(ended[name], value) for name, value in resumed.session.network.state_dict().items())


@pytest.mark.parametrize("at", range(0, 18, 2))
def test_statistics_of_an_average_that_were_cut_short_are_taken_again(at: int) -> None:
    def run(answers: Iterator[bool]) -> TinyRun:
        made = make_run(TrainingSettings(max_epochs=3), batch_norm=True, regularization=SWA)
        made.session = replace(made.session, stop_wanted=lambda: next(answers, False))
        return made

    whole, cut = run(iter([])), run(iter([*[False] * at, True]))
    wanted, found, pauses = whole.reports(), list[Report](), 0
    for event in cut.events():
        if isinstance(event, Pause):
            pauses += 1
            assert cut.session.network.training
        else:
            found.append(event)
    assert pauses == 1
    assert found == wanted
    ended = whole.session.network.state_dict()
    assert all(torch.equal(ended[name], value) for name, value in cut.session.network.state_dict().items())


def test_a_caller_that_asks_again_gets_the_report() -> None:
    events = tiny(iter([True, False, True])).events()
    assert [type(event) for event in events[:3]] == [Pause, Pause, Report]
    assert [event for event in events if isinstance(event, Report)] == tiny().reports()
