"""Some rows of all are drawn without an order of all of them."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch

from nntrain.data.orders import MANY, drawn


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (10, 5), (1000, 999), (1000, 1000), (200_000, 3000)])
@pytest.mark.parametrize("seed", [0, 7, 2**40 + 17, 2**63 - 1])
def test_they_are_the_first_of_a_permutation_of_all(rows: int, count: int, seed: int) -> None:
    whole = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(drawn(rows, count, seed=seed), whole[:count].sort().values)


def test_the_others_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*given: Any, **options: Any) -> None:
        raise AssertionError(given, options)

    monkeypatch.setattr(torch, "randperm", refused)
    few = cast("list[int]", drawn(MANY - 1, 100, seed=3).tolist())
    assert len(set(few)) == 100
    assert few == sorted(few)
    assert min(few) >= 0
    assert max(few) < MANY - 1
