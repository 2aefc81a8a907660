"""How long rows and their targets are."""

from __future__ import annotations

import torch

from nntrain.data.batches import TensorData
from nntrain.data.packed import PackedSteps
from nntrain.data.row_steps import RowSteps, Tokens


def test_tokens_and_repetitions_are_counted_within_each_row() -> None:
    texts = [[3, 3, 2], [2, 2, 2], [], [2], [3, 2, 2, 3, 3]]
    packed = PackedSteps.of(torch.tensor([token for text in texts for token in text]), torch.tensor([len(text) for text in texts]), -1)
    steps = PackedSteps.of(torch.zeros(9, 2), torch.tensor([2, 3, 1, 0, 3]))
    rows = torch.arange(5)
    found = RowSteps.of(TensorData({}, {}, None, rows, {"sound": steps}, stored_targets={"text": packed, "values": steps}))
    assert found.is_complete
    assert found.inputs == {"sound": [2, 3, 1, 0, 3]}
    assert found.targets == {"text": [Tokens(3, 1), Tokens(3, 2), Tokens(0, 0), Tokens(1, 0), Tokens(5, 2)]}
    assert RowSteps.of(TensorData({}, {}, None, rows, stored_targets={"text": packed.take(torch.tensor([2, 0]))})).targets == {
        "text": [Tokens(0, 0), Tokens(3, 1)]
    }
