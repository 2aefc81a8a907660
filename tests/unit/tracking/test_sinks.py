"""What the sinks that write files leave, for a new run and for one that goes on."""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

import pytest

from nntrain.tracking.jsonl import JSONLines
from nntrain.tracking.mlflow import RETRIES, MLflow
from nntrain.tracking.tensorboard import TensorBoard
from nntrain.tracking.tracker import Ending, Start, Tracker

SETTINGS = {"optimizer.lr": "0.001", "data.source.path": "${env:HERE}/a.csv"}
CARD = "# a card\n"


def start(folder: Path, sent: int = -1) -> Start:
    return Start(folder.as_posix(), folder.as_posix(), "digits/0001", "digits", None, SETTINGS, None, sent)


def record(step: int, loss: float | None) -> dict[str, Any]:
    return {"epoch": step // 10, "step": step, "lr": 0.5, "metrics": {"train.loss": loss, "validation.accuracy": 0.25}}


def write(tracker: Tracker, begun: Start, *steps: int, status: Any = None) -> None:
    """Report the steps; end in a status, or as a kill does."""
    sink = tracker.open(begun)
    for step in steps:
        sink.report(record(step, step / 10))
    if status is not None:
        card = Path(begun.folder) / "model_card.md"
        card.write_text(CARD, encoding="utf-8")
        sink.end(Ending(status, steps[-1], {"stop_reason": "max_epochs", "test.accuracy": 0.75}, (card.as_posix(),)))
    sink.close()


def test_lines_have_settings_reports_and_results(tmp_path: Path) -> None:
    write(JSONLines(), start(tmp_path), 10, 20, status="finished")
    head, *reports, end = map(json.loads, (tmp_path / "tracking.jsonl").read_text().splitlines())
    assert head == {"run": "digits/0001", "group": None, "params": SETTINGS}
    assert reports[1] == {"step": 20, "epoch": 2, "lr": 0.5, "train.loss": 2.0, "validation.accuracy": 0.25}
    assert end == {"summary": {"stop_reason": "max_epochs", "test.accuracy": 0.75}}


@pytest.mark.parametrize("status", [None, "finished", "interrupted"])
def test_lines_of_a_run_that_goes_on_are_those_of_one_without_a_break(tmp_path: Path, status: str | None) -> None:
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    write(JSONLines(), start(tmp_path / "whole"), 10, 20, 30, status="finished")
    write(JSONLines(), start(tmp_path / "broken"), 10, 20, 25, status=status)
    with (tmp_path / "broken" / "tracking.jsonl").open("a") as file:
        file.write('{"step": 2')  # cut off by a kill
    write(JSONLines(), start(tmp_path / "broken", sent=10), 20, 30, status="finished")
    whole, broken = ((tmp_path / name / "tracking.jsonl").read_bytes() for name in ("whole", "broken"))
    assert broken == whole


def test_lines_are_whole_whenever_a_run_that_goes_on_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(JSONLines(), start(tmp_path), 10, 20, 25)
    before = (tmp_path / "tracking.jsonl").read_bytes()

    def killed(_: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", killed)
        with pytest.raises(KeyboardInterrupt):
            JSONLines().open(start(tmp_path, sent=10))
    assert (tmp_path / "tracking.jsonl").read_bytes() == before
    write(JSONLines(), start(tmp_path, sent=10), 20, 30, status="finished")
    assert {path.name for path in tmp_path.iterdir()} == {"tracking.jsonl", "model_card.md"}


def test_lines_of_an_undefined_metric_have_null(tmp_path: Path) -> None:
    sink = JSONLines().open(start(tmp_path))
    sink.report(record(10, None))
    sink.close()
    assert json.loads((tmp_path / "tracking.jsonl").read_text().splitlines()[-1])["train.loss"] is None


def events(folder: Path) -> Iterator[Any]:
    """All events of a folder, in the order in which TensorBoard reads them."""
    from tensorboardX.proto import event_pb2

    protocol: Any = event_pb2
    for path in sorted((folder / "tensorboard").iterdir()):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            yield protocol.Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]


def shown(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """The curves that TensorBoard shows: a start makes all that came before from its step on void."""
    found: list[tuple[str, int, float]] = []
    for event in events(folder):
        if event.HasField("session_log"):
            found = [each for each in found if each[1] < event.step]
        found += [
            (value.tag, event.step, value.simple_value) for value in event.summary.value if value.WhichOneof("value") == "simple_value"
        ]
    return {tag: [(step, value) for name, step, value in found if name == tag] for tag in dict.fromkeys(name for name, _, _ in found)}


@pytest.mark.extra("tensorboard")
def test_events_are_curves_texts_and_results(tmp_path: Path) -> None:
    write(TensorBoard(), start(tmp_path), 10, 20, status="finished")
    assert shown(tmp_path) == {
        "lr": [(10, 0.5), (20, 0.5)],
        "train.loss": [(10, 1.0), (20, 2.0)],
        "validation.accuracy": [(10, 0.25), (20, 0.25)],
        "test.accuracy": [(20, 0.75)],
    }
    texts = {
        value.tag: value.tensor.string_val[0].decode()
        for event in events(tmp_path)
        for value in event.summary.value
        if value.tensor.string_val
    }
    assert texts == {
        "config/text_summary": "    optimizer.lr: 0.001\n    data.source.path: ${env:HERE}/a.csv",
        "model_card/text_summary": CARD,
    }


@pytest.mark.extra("tensorboard")
def test_an_undefined_metric_is_no_point_of_a_curve(tmp_path: Path) -> None:
    sink = TensorBoard().open(start(tmp_path))
    sink.report(record(10, None))
    sink.report(record(20, math.pi))
    sink.close()
    assert [step for step, _ in shown(tmp_path)["train.loss"]] == [20]


@pytest.mark.extra("tensorboard")
@pytest.mark.parametrize("status", [None, "finished"])
def test_curves_of_a_run_that_goes_on_are_those_of_one_without_a_break(tmp_path: Path, status: str | None) -> None:
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    write(TensorBoard(), start(tmp_path / "whole"), 10, 20, 30, status="finished")
    write(TensorBoard(), start(tmp_path / "broken"), 10, 20, 25, status=status)
    write(TensorBoard(), start(tmp_path / "broken", sent=10), 20, 30, status="finished")  # at once: within the same second
    assert shown(tmp_path / "broken") == shown(tmp_path / "whole")


@pytest.mark.extra("tensorboard")
def test_a_run_that_begins_anew_leaves_nothing_of_the_one_that_was_killed(tmp_path: Path) -> None:
    write(TensorBoard(), start(tmp_path), 10, 20)
    write(TensorBoard(), start(tmp_path), 15)
    assert shown(tmp_path)["lr"] == [(15, 0.5)]


@pytest.mark.parametrize(("given", "kept"), [("1", "1"), ("7", "7"), (None, "5")])
def test_retries_of_mlflow_that_the_user_has_set_stay(
    given: str | None, kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = ModuleType("mlflow")
    library.__dict__.update(entities=MagicMock(), MlflowClient=MagicMock())
    monkeypatch.setitem(sys.modules, "mlflow", library)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    monkeypatch.setenv(RETRIES, given or "")
    if given is None:
        monkeypatch.delenv(RETRIES)
    MLflow(uri="http://localhost:1").open(start(tmp_path))
    assert os.environ[RETRIES] == kept
