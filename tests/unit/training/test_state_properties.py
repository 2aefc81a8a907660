"""Any state comes back from files bit for bit; any changed byte of a checkpoint is noticed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from nntrain.errors import CheckpointError
from nntrain.training import checkpoint
from nntrain.training.differing import first_difference
from nntrain.training.state import flatten, unflatten

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.uint8, torch.bool]
SPECIAL = [math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1e-40, 3.5]
VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "whole": lambda tensor: tensor,
    "turned": lambda tensor: tensor.T if tensor.ndim == 2 else tensor,
    "every second": lambda tensor: tensor[::2] if tensor.ndim else tensor,
    "inner": lambda tensor: torch.stack([tensor, tensor, tensor])[1],
    "expanded": lambda tensor: tensor.expand(2, *tensor.shape),
    "flipped": lambda tensor: tensor.flip(0) if tensor.ndim else tensor,
}


def tensor_of(dtype: torch.dtype, shape: list[int], view: str, seed: int) -> Tensor:
    """A tensor with the values that are easily lost."""
    count = math.prod(shape)
    values = torch.tensor([SPECIAL[(seed + place) % len(SPECIAL)] for place in range(count)], dtype=torch.float64)
    values = values if dtype.is_floating_point else torch.arange(count, dtype=torch.float64) + seed % 7
    return VIEWS[view](values.reshape(shape).to(dtype))


TENSORS = st.builds(
    tensor_of, st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3), st.sampled_from(sorted(VIEWS)), st.integers(0, 100)
)
KEYS = st.text(max_size=4) | st.integers(-5, 5) | st.sampled_from(["@tensor", "@dict", "a/b", "a", "a~2", ""])
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5) | TENSORS
TREES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=3) | st.lists(below, max_size=3).map(tuple) | st.dictionaries(KEYS, below, max_size=3),
    max_leaves=8,
)


def through_files(tree: Any) -> Any:
    tensors, skeleton = flatten(tree)
    return unflatten(tensors, json.loads(json.dumps(skeleton, allow_nan=False)))


@given(TREES)
def test_any_tree_comes_back_bit_for_bit(tree: Any) -> None:
    assert first_difference({"tree": tree}, {"tree": through_files(tree)}) is None


@given(TENSORS, st.lists(st.sampled_from(sorted(VIEWS)), min_size=2, max_size=5))
def test_tensors_that_share_memory_come_back_as_they_were(tensor: Tensor, views: list[str]) -> None:
    tree = {"tied": [tensor, tensor], "views": [VIEWS[view](tensor) for view in views]}
    found = through_files(tree)
    assert first_difference(tree, found) is None
    assert not tensor.numel() or found["tied"][0] is found["tied"][1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


PARTS = st.dictionaries(st.sampled_from(["weights", "optimizer", "rng", "state", "ema"]), TREES, min_size=1, max_size=3)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(PARTS, st.integers(0, 2**40))
def test_what_is_saved_is_loaded(folder: Path, parts: dict[str, Any], step: int) -> None:
    path = checkpoint.save(folder / "any", step, parts)
    try:
        assert first_difference(parts, checkpoint.load(path)) is None
    finally:
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    parts = {"weights": {"a": torch.randn(3, 2), "b": torch.tensor(1.5)}, "state": {"step": 3, "best": math.nan, "window": (1, 2)}}
    return checkpoint.save(folder / "small", 7, parts)


@pytest.mark.parametrize("count", [150, pytest.param(3000, marks=pytest.mark.slow)])
def test_any_changed_byte_is_noticed(small: Path, count: int) -> None:
    whole = {file: file.read_bytes() for file in sorted(small.iterdir())}
    places = [(file, place) for file, content in whole.items() for place in range(len(content))]

    @settings(max_examples=count)
    @given(st.integers(0, len(places) - 1), st.integers(1, 255))
    def each(index: int, change: int) -> None:
        file, place = places[index]
        content = bytearray(whole[file])
        content[place] ^= change
        file.write_bytes(content)
        try:
            with pytest.raises(CheckpointError):
                checkpoint.load(small)
        finally:
            file.write_bytes(whole[file])

    each()
