"""Batches of rows of similar length: every row once an epoch, a function of (seed, epoch), and less padding."""

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.data.batches import TensorData
from nntrain.data.bucketing import POOL, Buckets
from nntrain.data.orders import epoch_order
from nntrain.data.packed import PackedSteps
from nntrain.errors import ConfigError, DataError


def numbers(rows: Tensor) -> list[int]:
    return cast("list[int]", rows.tolist())


def lengths_of(rows: int, most: int = 50) -> Tensor:
    return torch.randint(1, most + 1, (rows,), generator=torch.Generator().manual_seed(rows))


def padded(batches: list[Tensor], lengths: Tensor) -> int:
    return sum(len(batch) * int(lengths[batch].max()) for batch in batches)


def cuts(buckets: Buckets, tokens: int, *, seed: int = 0, epoch: int = 0) -> list[Tensor]:
    cut = buckets.cut(epoch_order(len(buckets.lengths), seed=seed, epoch=epoch), tokens, seed=seed, epoch=epoch)
    return [cut.order[start:end] for start, end in zip(cut.edges, cut.edges[1:], strict=False)]


@pytest.mark.parametrize(("rows", "size"), [(1, 4), (7, 8), (8, 8), (9, 8), (640, 16), (16 * POOL + 5, 16)])
def test_every_row_comes_once_an_epoch(rows: int, size: int) -> None:
    lengths = lengths_of(rows)
    buckets = Buckets(lengths[:, None])
    orders: list[list[int]] = []
    for epoch in range(3):
        drawn = epoch_order(rows, seed=1, epoch=epoch)
        order = buckets.order(drawn, size, seed=1, epoch=epoch)
        assert sorted(numbers(order)) == list(range(rows))
        assert torch.equal(order, buckets.order(drawn, size, seed=1, epoch=epoch)), "a function of (seed, epoch)"
        assert numbers(order[rows // size * size :]) == numbers(drawn[rows // size * size :]), "what is left over stays the last"
        orders.append(numbers(order))
    assert rows <= size or orders[0] != orders[1] != orders[2]


def test_less_is_padded_and_batches_are_not_the_same_again() -> None:
    lengths = lengths_of(960)
    buckets = Buckets(lengths[:, None])
    drawn = [epoch_order(960, seed=0, epoch=epoch) for epoch in range(2)]
    batches = [list(buckets.order(order, 16, seed=0, epoch=epoch).split(16)) for epoch, order in enumerate(drawn)]
    assert padded(batches[0], lengths) < 1.05 * int(lengths.sum()) < 1.5 * int(lengths.sum()) < padded(list(drawn[0].split(16)), lengths)
    longest = [int(lengths[batch].max()) for batch in batches[0]]
    assert longest != sorted(longest), "short and long batches come in random order"
    assert {frozenset(numbers(batch)) for batch in batches[0]}.isdisjoint({frozenset(numbers(batch)) for batch in batches[1]})


@pytest.mark.parametrize("tokens", [50, 137, 400])
def test_a_batch_has_at_most_so_many_steps(tokens: int) -> None:
    lengths = lengths_of(333)
    buckets = Buckets(lengths[:, None], tokens)
    for epoch in range(3):
        batches = cuts(buckets, tokens, epoch=epoch)
        assert len(batches) == buckets.num_batches(tokens), "the same number in every epoch"
        assert sorted(numbers(torch.cat(batches))) == list(range(333))
        sizes = [len(batch) * int(lengths[batch].max()) for batch in batches]
        assert max(sizes) <= tokens
        assert sum(sizes) > (len(batches) - 1) * (tokens - 50), "batches are filled"
    assert [numbers(batch) for batch in cuts(buckets, tokens)] != [numbers(batch) for batch in cuts(buckets, tokens, seed=1)]


def test_all_fields_of_a_row_count() -> None:
    lengths = torch.tensor([[3, 1], [1, 3], [2, 2], [1, 1]])
    batches = cuts(Buckets(lengths, 8), 8)
    assert max(len(batch) * int(lengths[batch].max(0).values.sum()) for batch in batches) <= 8
    assert sorted(numbers(torch.cat(batches))) == [0, 1, 2, 3]


def test_steps_of_several_micro_batches() -> None:
    lengths = lengths_of(60)
    cut = Buckets(lengths[:, None], 100).cut(torch.arange(60), 100, seed=0, epoch=0)
    steps = cut.steps(3)
    assert len(steps) - 1 == -(-(len(cut.edges) - 1) // 3)
    found = [start + part for step, start in enumerate(steps[:-1]) for part in cut.parts(step, 3)[:-1]]
    assert [*found, 60] == list(cut.edges)


def test_a_row_longer_than_a_batch() -> None:
    data = TensorData({}, {}, None, torch.arange(2), {"text": PackedSteps.of(torch.zeros(9), torch.tensor([2, 7]))})
    with pytest.raises(DataError, match="text: a training row has 7 steps, and a batch at most 6"):
        Buckets.of(data, [], 6)
    assert Buckets.of(data, [], 7).longest == 7


TEXT: dict[str, Any] = {"text": {"type": "text", "tokenizer": "space"}}
LAYERS: list[Any] = [{"embedding": 3}, {"pool": "mean"}, {"linear": 4}, "relu"]


@pytest.mark.parametrize(
    ("data", "layers", "found"),
    [
        ({"fields": {"text": {"role": "ignore"}}, "batch": {"bucket": True}}, [{"linear": 4}], "no input has rows of different lengths"),
        ({"fields": {"text": {"role": "ignore"}}, "batch": {"tokens": 90}}, [{"linear": 4}], "inputs: x (number)"),
        ({"fields": TEXT, "batch": {"bucket": True}, "batch_size": "full"}, LAYERS, "has no effect with batch_size: full"),
        ({"fields": TEXT, "batch": {"tokens": 90}, "batch_size": 32}, LAYERS, "has no effect beside data.batch.tokens"),
        ({"fields": TEXT, "batch": {"tokens": 90, "sampler": "balanced"}}, LAYERS, "tokens cuts the same rows each epoch"),
        ({"fields": TEXT, "batch": {"tokens": 90}}, [*LAYERS[:3], "batch_norm", "relu"], "may leave a long row alone in its batch"),
    ],
)
def test_what_does_not_go_together(data: dict[str, Any], layers: list[Any], found: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,x,y\n" + "".join(f"{'w ' * (1 + row % 9)},{row},{row % 2}\n" for row in range(40)))
    fields = {"x": "number" if "ignore" in str(data) else {"role": "ignore"}, "y": {"type": "category", "role": "target"}}
    data = {"source": "rows.csv", **data, "fields": {**fields, **data["fields"]}}
    with pytest.raises(ConfigError) as caught:
        prepare_job(read_mapping({"name": "rows", "data": data, "architecture": {"layers": layers}}, (), tmp_path))
    assert found in str(caught.value)
