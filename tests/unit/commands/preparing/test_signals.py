from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable

import pytest

from nntrain.commands.preparing.signals import InterruptedRun, Signals

needs_usr1 = pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="needs a platform with SIGUSR1")


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize(("name", "code"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)])
def test_signal_asks_for_a_stop(name: str, code: int) -> None:
    with Signals() as signals:
        signal.raise_signal(getattr(signal, name))
        assert signals.stop_requested == name
    assert signals.exit_code == code


def test_no_signal_means_no_request() -> None:
    with Signals() as signals:
        assert (signals.stop_requested, signals.save_requested, signals.exit_code) == (None, False, 0)


@needs_usr1
def test_usr1_asks_for_a_checkpoint_each_time() -> None:
    with Signals() as signals:
        for _ in range(2):
            signal.raise_signal(signal.SIGUSR1)
            assert signals.save_requested
            signals.save_requested = False
        assert signals.stop_requested is None


@pytest.mark.parametrize("first", ["SIGINT", "SIGTERM"])
def test_interrupt_after_a_request_to_stop_quits_at_once(first: str) -> None:
    with Signals() as signals:
        signal.raise_signal(getattr(signal, first))
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert signals.stop_requested == first
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_terminate_after_an_interrupt_keeps_the_first_reason() -> None:
    with Signals() as signals:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    assert signals.stop_requested == "SIGINT"


def test_handlers_are_put_back() -> None:
    before = handlers()
    with Signals():
        assert handlers() != before
    assert handlers() == before


def test_handlers_are_put_back_after_the_hard_way() -> None:
    before = handlers()
    with pytest.raises(KeyboardInterrupt), Signals():
        interrupt_twice()
    assert handlers() == before


def interrupt_twice() -> None:
    signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)


def test_missing_signals_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(signal, "SIGUSR1", raising=False)
    with Signals() as signals:
        signal.raise_signal(signal.SIGTERM)
        assert signals.stop_requested == "SIGTERM"


def test_outside_of_the_main_thread_nothing_is_caught() -> None:
    before, found = handlers(), list[object]()

    def work(record: Callable[[object], None]) -> None:
        with Signals() as signals:
            record(handlers())
            record(signals.stop_requested)

    thread = threading.Thread(target=work, args=(found.append,))
    thread.start()
    thread.join()
    assert found == [before, None]


class TestInterruptible:
    """Work that may be cut off anywhere, and work that may not."""

    @pytest.mark.parametrize(("name", "code"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)])
    def test_work_is_cut_off_at_once(self, name: str, code: int) -> None:
        with Signals() as signals, pytest.raises(InterruptedRun, match="nothing was trained") as caught, signals.interruptible():
            raise AssertionError(signal.raise_signal(getattr(signal, name)))
        assert caught.value.exit_code == code

    def test_work_that_swallows_it_is_told_afterwards(self) -> None:
        with Signals() as signals, pytest.raises(InterruptedRun), signals.interruptible(), contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)

    def test_held_work_goes_on(self) -> None:
        with Signals() as signals, signals.interruptible(), signals.held():
            signal.raise_signal(signal.SIGTERM)
            assert signals.stop_wanted()

    def test_nothing_is_begun_after_a_request(self) -> None:
        with Signals() as signals:
            signal.raise_signal(signal.SIGTERM)
            with pytest.raises(InterruptedRun), signals.interruptible():
                raise AssertionError

    def test_interrupt_of_somebody_else_passes(self) -> None:
        with Signals() as signals, pytest.raises(KeyboardInterrupt), signals.interruptible():
            raise KeyboardInterrupt

    def test_work_within_held_work_within_work(self) -> None:
        with Signals() as signals, signals.interruptible(), signals.held():
            with pytest.raises(InterruptedRun), signals.interruptible():
                signal.raise_signal(signal.SIGINT)
            assert signals.exit_code == 130


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what nohup does
    try:
        with Signals() as signals:
            signal.raise_signal(signal.SIGHUP)
            assert not signals.stop_wanted()
    finally:
        signal.signal(signal.SIGHUP, before)
