"""Parameters that are paired with those of another's file in their order."""

from __future__ import annotations

import pytest

from nntrain.errors import SpecError
from nntrain.specs import Unknown
from nntrain.weights.ordering import in_order

OURS = {"conv2d_1.weight": (8, 3, 3, 3), "batch_norm_1.weight": (8,), "batch_norm_1.bias": (8,), "head.weight": (2, 8), "head.bias": (2,)}
THEIRS = {
    "_conv_stem.weight": (8, 3, 3, 3),
    "_bn0.weight": (8,),
    "_bn0.bias": (8,),
    "_bn0.running_mean": (8,),
    "_bn0.running_var": (8,),
    "_bn0.num_batches_tracked": (),
    "_fc.weight": (1000, 8),
    "_fc.bias": (1000,),
}
HEAD = {"head.weight", "head.bias"}


def test_modules_are_paired_and_their_averages_go_with_them():
    assert in_order(OURS, THEIRS, HEAD) == {"conv2d_1": "_conv_stem", "batch_norm_1": "_bn0", "head": "_fc"}


def test_the_head_may_be_missing_and_sizes_unknown():
    body = {name: shape for name, shape in THEIRS.items() if not name.startswith("_fc")}
    ours = {**OURS, "conv2d_1.weight": (8, Unknown("channels of image"), 3, 3)}
    assert in_order(ours, body, HEAD) == {"conv2d_1": "_conv_stem", "batch_norm_1": "_bn0"}


def test_parameters_with_other_names_are_paired_by_themselves():
    assert in_order({"a_1.in_proj_weight": (6, 2)}, {"attn.qkv.weight": (6, 2)}) == {"a_1.in_proj_weight": "attn.qkv.weight"}


def test_another_network_is_refused_in_words():
    with pytest.raises(SpecError, match=r"there are 5 parameters there and 4 here"):
        in_order({name: shape for name, shape in OURS.items() if name != "batch_norm_1.bias"}, THEIRS, HEAD)
    swapped = {"_fc.weight": (1000, 8), **THEIRS}
    with pytest.raises(SpecError, match=r"_fc.weight \[1000, 8\] is no conv2d_1.weight \[8, 3, 3, 3\]"):
        in_order(OURS, swapped, HEAD)
