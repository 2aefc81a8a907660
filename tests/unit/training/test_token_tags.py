"""The commonest tag of each token beside a tagger, against counting by hand."""

from __future__ import annotations

import torch

from nntrain.training.token_tags import tag_shares


def test_shares_are_counted_by_token_and_those_of_all_where_there_are_none() -> None:
    tokens = torch.tensor([1, 1, 1, 3, 3, 1])
    tags = torch.tensor([0, 1, 0, 1, -1, -1])
    shares = tag_shares(tokens, tags, 2)
    overall = [0.5, 0.5]
    wanted = torch.tensor([overall, [2 / 3, 1 / 3], overall, [0.0, 1.0], overall], dtype=torch.float64)
    torch.testing.assert_close(shares, wanted)


def test_a_token_counts_as_much_as_its_row() -> None:
    shares = tag_shares(torch.tensor([0, 0, 0]), torch.tensor([0, 1, 1]), 2, torch.tensor([6.0, 1.0, 1.0]))
    torch.testing.assert_close(shares[0], torch.tensor([0.75, 0.25], dtype=torch.float64))
