"""Areas under curves of many rows, whose scores are put together for one class at a time, have the bits of those of all at once."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from nntrain.metrics.metric import MetricInfo
from nntrain.metrics.ranking import AUROC
from nntrain.modules import pairs, ranked_rows
from nntrain.modules.narrow import class_counts, narrow
from nntrain.modules.pairs import Area, Portions, area_under
from nntrain.modules.ranking import area_under_curve, areas_under_curves, plain_areas
from nntrain.modules.row_file import Pair, RowFile

CPU = torch.device("cpu")
ROWS = 500


def told(kind: str) -> tuple[Tensor, Tensor, MetricInfo]:
    """Predictions, many of them equal, and targets."""
    draws = torch.Generator().manual_seed(4)
    scores = (torch.rand(ROWS, 3, generator=draws) * 20).round() / 20
    if kind == "labels":
        return scores, (torch.rand(ROWS, 3, generator=draws) > 0.7).float(), MetricInfo("labels", 3)
    if kind == "binary":
        return scores[:, 0], (torch.rand(ROWS, generator=draws) > 0.8).float(), MetricInfo("binary", 2)
    classes = 2 if kind == "two" else 3
    return scores[:, :classes], torch.randint(classes, (ROWS,), generator=draws), MetricInfo("classes", classes)


def value(metric: AUROC, prediction: Tensor, target: Tensor, info: MetricInfo, weights: Tensor | None = None) -> Any:
    state = metric.build(info, CPU)
    for start in range(0, ROWS, 70):
        part = slice(start, start + 70)
        state.update(prediction[part], target[part], None if weights is None else weights[part])
    return state.compute()


@pytest.mark.parametrize("kind", ["three", "two", "binary", "labels"])
@pytest.mark.parametrize("average", ["macro", "weighted"])
def test_many_rows(kind: str, average: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    metric, (prediction, target, info) = AUROC(average=average), told(kind)
    few = value(metric, prediction, target, info)
    monkeypatch.setattr(ranked_rows, "MANY_ROWS", 10)
    monkeypatch.setattr(pairs, "_PORTION", 16)
    asked: list[int] = []

    def counted(portions: Portions) -> Area | None:
        asked.append(sum(len(score) for score, _ in portions()))
        return area_under(portions)

    monkeypatch.setattr(ranked_rows, "area_under", counted)
    assert value(metric, prediction, target, info) == few
    assert asked == [ROWS] * (3 if kind in ("three", "labels") else 1)
    ones = value(metric, prediction, target, info, torch.ones(ROWS))
    assert ones == few
    assert len(asked) <= 3  # rows with weights are ranked together


def test_scores_that_are_no_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    prediction, target, info = told("three")
    prediction[7, 1] = math.nan
    few = value(AUROC(), prediction, target, info)
    monkeypatch.setattr(ranked_rows, "MANY_ROWS", 10)
    assert value(AUROC(), prediction, target, info) == few


def test_states_of_several_processes_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranked_rows, "MANY_ROWS", 10)
    prediction, target, info = told("three")
    first, second, both = (AUROC().build(info, CPU) for _ in range(3))
    first.update(prediction[:200], target[:200])
    second.update(prediction[200:], target[200:])
    assert isinstance(first, ranked_rows.OfRankedRows)
    assert isinstance(second, ranked_rows.OfRankedRows)
    assert isinstance(both, ranked_rows.OfRankedRows)
    both.join([first.held(), second.held()])
    assert first.held()[1] is not None
    assert first.held()[1].dtype == torch.int64  # pyright: ignore[reportOptionalMemberAccess]
    assert both.compute() == value(AUROC(), prediction, target, info)


def test_classes_are_counted_a_portion_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.modules import narrow as narrowing

    monkeypatch.setattr(narrowing, "PORTION", 7)
    values = torch.tensor([0, 2, 2, -1, 1] * 9)
    assert class_counts(narrow(values), 4).tolist() == [9, 9, 18, 0]
    assert class_counts(values, 4).tolist() == [9, 9, 18, 0]


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("values", [3, 10**6], ids=["ties", "none"])
def test_areas_are_shares_of_pairs_in_any_number_format(values: int, kind: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    score = (torch.randint(0, values, (60,), generator=generator).double() / values).to(kind)
    positive, weights = torch.rand(60, generator=generator) < 0.4, torch.randint(0, 3, (2, 60), generator=generator).double()
    over = (score.unsqueeze(1) > score) + 0.5 * (score.unsqueeze(1) == score)
    pairs = (weights * positive).unsqueeze(2) * (weights * ~positive).unsqueeze(1)
    assert torch.equal(area_under_curve(score, positive, weights), (pairs * over).sum((1, 2)) / pairs.sum((1, 2)))


def test_small_batches_are_put_together_but_for_one_prediction_of_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranked_rows, "MANY_ROWS", 10)
    monkeypatch.setattr(ranked_rows, "JOINED", 100)
    prediction, target, info = told("three")
    few = value(AUROC(), prediction, target, info, torch.ones(ROWS))
    assert value(AUROC(), prediction, target, info) == few
    for rows, kept in ((prediction, 5), (prediction[:1].double().expand(ROWS, 3), 8)):
        state = AUROC().build(info, CPU)
        assert isinstance(state, ranked_rows.OfRankedRows)
        for start in range(0, ROWS, 70):
            state.update(rows[start : start + 70], target[start : start + 70])
        assert len(state._rows) == kept
    assert state.compute() == 0.5


@pytest.mark.parametrize("steps", [4, 20, 10**6])
def test_plain_areas_are_those_of_rows_with_weights(steps: int) -> None:
    draws = torch.Generator().manual_seed(5)
    scores = (torch.rand(7, 90, generator=draws) * steps).round() / steps
    positive = torch.rand(7, 90, generator=draws) > 0.7
    positive[2], positive[3] = False, True
    scores[4, 5] = math.nan
    expected = areas_under_curves(scores, positive, torch.ones(1, 90, dtype=torch.float64))[0]
    assert torch.equal(plain_areas(scores, positive).view(torch.int64), expected.view(torch.int64))
    assert expected.isnan().tolist() == [False, False, True, True, False, False, False]


@pytest.mark.parametrize("kind", ["three", "two", "binary", "labels"])
@pytest.mark.parametrize("has_room", [True, False], ids=["kept", "disk full"])
def test_rows_beyond_a_few_are_kept_in_a_file(kind: str, has_room: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    prediction, target, info = told(kind)
    few = value(AUROC(), prediction, target, info, torch.ones(ROWS))
    monkeypatch.setattr(ranked_rows, "MANY_ROWS", 10)
    monkeypatch.setattr(ranked_rows, "JOINED", 60)
    monkeypatch.setattr(ranked_rows, "MOST_HELD", 1)
    add, added = RowFile.add, [0]

    def write(file: RowFile, rows: Pair) -> None:
        if not has_room and len(file):
            raise OSError("No space left on device")
        add(file, rows)
        added[0] += len(rows[0])

    monkeypatch.setattr(RowFile, "add", write)
    state = AUROC().build(info, CPU)
    assert isinstance(state, ranked_rows.OfRankedRows)
    for start in range(0, ROWS, 70):
        state.update(prediction[start : start + 70], target[start : start + 70])
    assert sum(len(rows) for rows, *_ in state._rows) == ROWS - added[0]  # pyright: ignore[reportPrivateUsage]
    assert added[0] == (490 if has_room else 70)
    assert state.compute() == few
    held = state.held()
    assert held[0] is not None
    assert torch.equal(held[0], prediction)
    assert held[1] is not None
    assert torch.equal(held[1], target)
    assert state.compute() == few


def test_rows_with_weights_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    prediction, target, info = told("three")
    weights = torch.rand(ROWS, generator=torch.Generator().manual_seed(1))
    few = value(AUROC(), prediction, target, info, weights)
    monkeypatch.setattr(ranked_rows, "MANY_ROWS", 10)
    monkeypatch.setattr(ranked_rows, "JOINED", 60)
    monkeypatch.setattr(ranked_rows, "MOST_HELD", 1)
    assert value(AUROC(), prediction, target, info, weights) == few


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for a limit of files")
def test_a_disk_that_fills_up_within_some_rows_leaves_what_was_kept() -> None:
    """The limit of a file stands for the disk. The last bytes of a write are fewer than a buffer would hold."""
    import resource

    rows = [(torch.rand(1000, generator=torch.Generator().manual_seed(seed)), torch.arange(1000)) for seed in range(2)]
    file, limits = RowFile(), resource.getrlimit(resource.RLIMIT_FSIZE)
    file.add(rows[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000 + 3_000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            file.add(rows[1])
        kept = list(file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert len(file) == 1000
    assert [torch.equal(*pair) for pair in zip(kept[0], rows[0], strict=True)] == [True, True]
