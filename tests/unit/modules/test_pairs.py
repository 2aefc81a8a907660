"""Pairs of rows that are counted a digit of their scores at a time are those of all rows at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from nntrain.modules import pairs
from nntrain.modules.pairs import Area, area_under
from nntrain.modules.ranking import area_under_curve

ROWS = 600


def found(score: Tensor, positive: Tensor) -> Area | None:
    """The area of rows that are told in portions."""

    def portions() -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, ROWS, 130):
            yield score[start : start + 130], positive[start : start + 130]

    return area_under(portions)


def scores(kind: str, draws: torch.Generator) -> Tensor:
    """Scores in which digits repeat in one way or another."""
    if kind == "close":  # their first digits are alike
        return 0.5 + torch.rand(ROWS, generator=draws, dtype=torch.float64) * 1e-9
    if kind == "zeros":
        return torch.tensor([0.0, -0.0, 1e-40, -1e-40]).repeat(ROWS // 4)
    wide = torch.randn(ROWS, generator=draws, dtype=torch.float64) * 100
    return wide.round() if kind == "ties" else torch.where(wide > 90, math.inf, wide) if kind == "infinite" else wide


@pytest.mark.parametrize("kind", ["ties", "none", "close", "zeros", "infinite"])
@pytest.mark.parametrize("number", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("most", [1, 40, ROWS], ids=["by digits", "in lots", "at once"])
def test_an_area_is_that_of_all_rows_at_once(kind: str, number: torch.dtype, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "SORTED", most)
    monkeypatch.setattr(pairs, "_PORTION", 50)
    draws = torch.Generator().manual_seed(3)
    score, positive = scores(kind, draws).to(number), torch.rand(ROWS, generator=draws) > 0.7
    whole = float(area_under_curve(score, positive, torch.ones(1, ROWS, dtype=torch.float64)))
    assert found(score, positive) == Area(whole, int(positive.sum()))


def test_not_more_than_a_lot_of_rows_is_sorted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "SORTED", 90)
    sizes: list[int] = []
    sort = pairs._sorted_won  # pyright: ignore[reportPrivateUsage]

    def counted(parts: list[tuple[pairs.Array, pairs.Array]]) -> int:
        sizes.append(sum(len(keys) for keys, _ in parts))
        return sort(parts)

    monkeypatch.setattr(pairs, "_sorted_won", counted)
    draws = torch.Generator().manual_seed(3)
    for kind in ("ties", "none", "close"):
        found(scores(kind, draws).float(), torch.rand(ROWS, generator=draws) > 0.5)
    assert sizes
    assert max(sizes) <= 90


def test_rows_of_one_kind_have_no_area() -> None:
    for positive in (torch.zeros(9, dtype=torch.bool), torch.ones(9, dtype=torch.bool)):
        area = found(torch.rand(9), positive)
        assert area is not None
        assert math.isnan(area.area)


def test_scores_that_are_no_numbers_have_none() -> None:
    assert found(torch.tensor([0.1, math.nan, 0.3]), torch.tensor([True, False, True])) is None
