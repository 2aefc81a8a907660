"""Neighbours in common and degrees, on a graph small enough to count by hand."""

from __future__ import annotations

from typing import cast

import torch

from nntrain.training.neighbors import common_neighbors, degree_product

EDGES = torch.tensor([[0, 1, 0, 2, 1, 2, 2, 3, 3, 3], [1, 0, 2, 0, 2, 1, 3, 2, 3, 3]])
"""A triangle of 0, 1 and 2, with 3 behind 2, which is its own neighbour too."""
PAIRS = torch.tensor([[0, 0, 2, 3, 1], [1, 3, 3, 0, 1]])


def test_common_neighbors_are_counted_once_and_none_is_its_own() -> None:
    assert common_neighbors(EDGES, PAIRS, 5).tolist() == [1, 1, 0, 1, 2]


def test_degrees_are_multiplied() -> None:
    degrees = [2, 2, 3, 3, 0]
    assert degree_product(EDGES, PAIRS, 5).tolist() == [degrees[a] * degrees[b] for a, b in cast("list[list[int]]", PAIRS.T.tolist())]
    assert degree_product(EDGES, torch.tensor([[4], [2]]), 5).tolist() == [0]
