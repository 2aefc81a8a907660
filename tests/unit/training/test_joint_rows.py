"""The rows of members that train at once are those of each by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nntrain.assembly import Assembly, assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.data.batches import Batch, TensorData
from nntrain.training import joint_rows
from nntrain.training.joint_rows import JointBatch, joint_batches, plain_order

IMAGES = {"x": {"type": "image", "normalize": "unit"}}
VECTORS = {"x": {"type": "vector"}, "w": {"role": "weight"}}


def assembled(folder: Path, fields: Mapping[str, Any], rows: int = 50, **sections: Any) -> list[Assembly]:
    """Three folds, whose rows differ."""
    generator = np.random.default_rng(0)
    images = "normalize" in fields["x"]
    values = generator.random((rows, 1, 8, 8) if images else (rows, 6)).astype("float32")
    np.savez(folder / "rows.npz", x=values, y=generator.integers(0, 2, rows), w=generator.random(rows).astype("float32"))
    given = {"y": {"type": "category", "role": "target"}, "w": {"role": "ignore"}, **fields}
    found: list[Assembly] = []
    for fold in (1, 2, 3):
        split = {"folds": 5, "fold": fold, "seed": 0}
        source = {"type": "arrays", "path": str(folder / "rows.npz")}
        tree = {"name": "x", "seed": fold, "data": {"source": source, "fields": given, "split": split, "batch_size": 8}, **sections}
        job = prepare_job(read_mapping({"architecture": "cnn" if images else {"type": "mlp", "hidden": [4]}, **tree}))
        found.append(assemble(job.blueprint, job.prepared))
    return found


def same(one: Batch, other: Batch) -> bool:
    pairs = [(one.inputs[name], other.inputs[name]) for name in other.inputs] + [
        (one.targets[name], other.targets[name]) for name in other.targets
    ]
    pairs += [(one.rows, other.rows)] + ([] if one.weights is None or other.weights is None else [(one.weights, other.weights)])
    return (one.weights is None) == (other.weights is None) and all(torch.equal(*pair) for pair in pairs)


@pytest.mark.parametrize("piece", [1, 1000, 2**22])
@pytest.mark.parametrize("fields", [IMAGES, VECTORS], ids=["images", "vectors"])
@pytest.mark.parametrize("start", [0, 2])
def test_rows_of_all_are_those_of_each(
    start: int, fields: Mapping[str, Any], piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint_rows, "CHUNK_BYTES", piece)
    members = assembled(tmp_path, fields)
    expected = [[batch for [batch] in each.protocol.batches(each.session, 1, start)] for each in members]
    found = joint_batches([each.session for each in members], 1, start)
    assert found is not None
    joint = list(found)
    assert len(joint) == len(expected[0]) == members[0].plan.steps_per_epoch - start
    for step, batch in enumerate(joint):
        assert batch.whole is not None
        assert [len(part) for part in batch.parts] == [len(batch)] * 3
        assert all(same(part, own[step]) for part, own in zip(batch.parts, expected, strict=True))


@pytest.mark.parametrize("start", [0, 2, 5])
def test_seeds_have_their_rows_gathered_in_one_go(start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = assembled(tmp_path, VECTORS)[0]
    sessions = [replace(first.session, seed=seed) for seed in (1, 2, 3)]
    orders = [plain_order(session, 1) for session in sessions]
    taken: list[int] = []
    take = TensorData.take

    def counted(data: TensorData, index: torch.Tensor) -> TensorData:
        taken.append(len(index))
        return take(data, index)

    monkeypatch.setattr(TensorData, "take", counted)
    found = joint_batches(sessions, 1, start)
    assert found is not None
    joint = [batch for batch in found if batch.whole is not None]
    assert len(joint) == first.plan.steps_per_epoch - start
    assert len(taken) == (1 if start == 5 else 2)
    for step, batch in enumerate(joint, start):
        for order, part in zip(orders, batch.parts, strict=True):
            assert order is not None
            own = order[step * 8 : step * 8 + len(batch)]
            assert torch.equal(part.rows, first.session.splits.train.rows[own])
            assert torch.equal(part.inputs["x"], first.session.splits.train.inputs["x"][own])


def test_a_last_step_that_differs_in_its_rows_is_left_to_each(tmp_path: Path) -> None:
    members = assembled(tmp_path, VECTORS, rows=51)
    assert len({len(each.session.splits.train) for each in members}) > 1
    found = joint_batches([each.session for each in members], 0, 0)
    assert found is not None
    assert {len(batch) for batch in found} == {8}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 1, 0)])
def test_a_last_step_that_is_whole_for_some_alone_is_left_to_each(order: Sequence[int], tmp_path: Path) -> None:
    members = assembled(tmp_path, VECTORS, rows=66)
    assert [len(each.session.splits.train) for each in members] == [47, 48, 48]
    found = joint_batches([members[place].session for place in order], 0, 0)
    assert found is not None
    assert [len(batch) for batch in found] == [8] * 5


@pytest.mark.parametrize(
    "sections",
    [
        {"regularization": {"mixup": 0.2}},
        {"regularization": {"noise": 0.1}},
        {"training": {"accumulate": 2}},
    ],
)
def test_what_changes_rows_is_left_to_each(sections: Mapping[str, Any], tmp_path: Path) -> None:
    members = assembled(tmp_path, VECTORS, **sections)
    assert plain_order(members[0].session, 0) is None
    assert joint_batches([each.session for each in members], 0, 0) is None


def test_targets_that_are_not_equally_long_stay_with_each(tmp_path: Path) -> None:
    """As texts of CTC are, whose rows have one length."""
    members = assembled(tmp_path, VECTORS)
    first, *others = [next(iter(each.protocol.batches(each.session, 0, 0)))[0] for each in members]
    longer = [replace(other, targets={"y": torch.zeros(8, 3, dtype=torch.int64)}) for other in others]
    found = JointBatch.of([first, *longer])
    assert found.whole is None
    assert len(found) == 8
    assert all(same(part, own) for part, own in zip(found.parts, [first, *longer], strict=True))


def test_a_member_that_is_not_there_has_the_rows_of_another(tmp_path: Path) -> None:
    members = assembled(tmp_path, VECTORS)
    batches: Sequence[Batch] = [next(iter(each.protocol.batches(each.session, 0, 0)))[0] for each in members]
    found = JointBatch.of([None, batches[1], batches[2]])
    assert found.whole is not None
    assert len(found) == 8
    assert len(found.whole) == 24
    assert all(same(part, own) for part, own in zip(found.parts, [batches[1], batches[1], batches[2]], strict=True))


def _numbered(start: int) -> Batch:
    numbers = torch.arange(start, start + 4)
    return Batch({"x": numbers.float()[:, None]}, {"y": numbers}, numbers.float(), numbers)


def test_parts_are_pieces_of_the_whole_where_one_has_taken_the_step_before() -> None:
    """A recorded step reads the whole alone: targets and weights beside it would be those of the step that was recorded."""
    joint = JointBatch.of([None, _numbered(0), _numbered(10)])
    assert joint.whole is not None
    assert [part.targets["y"].tolist() for part in joint.parts] == [[0, 1, 2, 3], [0, 1, 2, 3], [10, 11, 12, 13]]
    assert joint.whole.weights is not None
    joint.whole.targets["y"].fill_(7)
    joint.whole.weights.fill_(0.5)
    for part in joint.parts:
        assert part.targets["y"].tolist() == [7] * 4
        assert part.weights is not None
        assert part.weights.tolist() == [0.5] * 4
