"""Attention beside torch's, its state, and what it refuses."""

from __future__ import annotations

import re

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.testing import assert_close

from nntrain.errors import SpecError
from nntrain.layers.attention import CrossAttention, MultiheadAttention
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, Spec

SERIES = Spec(SEQUENCE, (RAGGED, 8))
LENGTHS = torch.tensor([5, 2, 7])


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair(causal: bool = False) -> tuple[nn.Module, nn.MultiheadAttention]:
    """Ours and torch's with the same weights."""
    ours = MultiheadAttention(num_heads=2, causal=causal).build(SERIES).double()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())  # the names are torch's
    return ours, theirs


@pytest.mark.parametrize("causal", [False, True])
def test_self_attention_is_torchs(causal: bool):
    ours, theirs = pair(causal)
    x = numbers(3, 7, 8)
    hidden = torch.ones(7, 7, dtype=torch.bool).triu(1) if causal else None
    assert_close(ours(x)[0], theirs(x, x, x, attn_mask=hidden, need_weights=False)[0])


def test_padding_mask_is_torchs():
    ours, theirs = pair()
    x = numbers(3, 7, 8)
    padding = torch.arange(7) >= LENGTHS.unsqueeze(1)
    expected = theirs(x, x, x, key_padding_mask=padding, need_weights=False)[0]
    assert_close(ours(x, lengths=LENGTHS)[0], expected.masked_fill(padding.unsqueeze(2), 0.0))


def test_weights_begin_as_torchs():
    torch.manual_seed(0)
    ours = MultiheadAttention(num_heads=2).build(SERIES)
    bound = (6 / (4 * 8)) ** 0.5  # Glorot of the joint projection [3 F, F]
    assert 0.95 * bound < ours.in_proj_weight.abs().max() < bound
    assert not ours.in_proj_bias.any()
    assert not ours.out_proj.bias.any()


@pytest.mark.parametrize("ragged", [False, True])
def test_cross_attention_is_torchs(ragged: bool):
    ours = CrossAttention(num_heads=2).build(SERIES, SERIES).double()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).double()
    theirs.load_state_dict(ours.state_dict())
    query, memory = numbers(3, 4, 8), numbers(3, 7, 8, seed=1)
    padding = torch.arange(7) >= LENGTHS.unsqueeze(1) if ragged else None
    expected = theirs(query, memory, memory, key_padding_mask=padding, need_weights=False)[0]
    assert_close(ours(query, memory, side_lengths=(LENGTHS if ragged else None,))[0], expected)


def test_memory_without_steps_gives_numbers():
    module = CrossAttention(num_heads=2).build(SERIES, SERIES).double()
    query, memory = numbers(2, 3, 8), torch.full((2, 4, 8), torch.inf, dtype=torch.float64, requires_grad=True)
    out, _ = module(query, memory, lengths=torch.tensor([3, 0]), side_lengths=(torch.tensor([0, 0]),))
    out.sum().backward()
    assert out.isfinite().all()
    assert not out[1].any()
    assert not memory.grad.any()


def test_shared_keys_are_heads_written_twice():
    """Grouped queries: each head of keys and values serves two heads of queries."""
    grouped = MultiheadAttention(num_heads=4, num_kv_heads=2).build(SERIES).double()
    whole = MultiheadAttention(num_heads=4).build(SERIES).double()
    state = grouped.state_dict()
    for name in ("in_proj_weight", "in_proj_bias"):
        queries, keys, values = state[name].split([8, 4, 4])
        state[name] = torch.cat([queries, *(part.unflatten(0, (2, 2)).repeat_interleave(2, 0).flatten(0, 1) for part in (keys, values))])
    whole.load_state_dict(state)
    x = numbers(2, 5, 8)
    assert_close(grouped(x)[0], whole(x)[0])


def test_rotary_turns_pairs_as_complex_numbers():
    """Su et al. 2021, equation 12: head pairs are complex numbers times exp(i m theta)."""
    module = MultiheadAttention(num_heads=2, rotary=True).build(SERIES).double()
    plain = MultiheadAttention(num_heads=2).build(SERIES).double()
    plain.load_state_dict(module.state_dict())
    x = numbers(1, 6, 8)
    queries, keys, values = (part.unflatten(2, (2, 4)).transpose(1, 2) for part in plain.project(x, 0, None).chunk(3, 2))
    angles = torch.arange(6).unsqueeze(1) * torch.tensor([1.0, 0.01], dtype=torch.float64)
    turns = torch.polar(torch.ones_like(angles), angles)
    queries, keys = (
        torch.view_as_real(torch.view_as_complex(part.unflatten(3, (2, 2)).contiguous()) * turns).flatten(3) for part in (queries, keys)
    )
    weights = (queries @ keys.transpose(2, 3) / 2).softmax(3)
    assert_close(module(x)[0], module.out_proj((weights @ values).transpose(1, 2).flatten(2)))


def test_rotary_knows_distances_alone():
    module = MultiheadAttention(num_heads=2, rotary=True, causal=True).build(SERIES).double()
    x = numbers(1, 6, 8)
    state = module.init_state(1)
    shifted, _ = module(torch.cat([numbers(1, 3, 8, seed=1), x], 1))
    own, _ = module(x, state=state)
    assert not torch.allclose(shifted[:, 3:], own)  # it sees what stands before
    keys, values, filled = state
    hidden = (keys.new_zeros(1, 2, 3, 4), values.new_zeros(1, 2, 3, 4), filled.new_zeros(1, 3))
    assert_close(module(x, state=hidden)[0], own)  # three steps of padding before it change nothing


@pytest.mark.parametrize("options", [{}, {"rotary": True}, {"num_kv_heads": 1}], ids=str)
def test_parts_of_ragged_prompts_and_single_steps_are_the_whole(options: dict[str, object]):
    """Prompts of several lengths, then one step at a time, give what each row gives as a whole."""
    module = MultiheadAttention(num_heads=2, causal=True, **options).build(SERIES).double()
    rows = [numbers(1, length + 3, 8, seed=length) for length in (4, 1, 3)]
    prompts = torch.full((3, 4, 8), 7.0, dtype=torch.float64)
    for index, row in enumerate(rows):
        prompts[index, : row.shape[1] - 3] = row[0, :-3]
    out, state = module(prompts, lengths=torch.tensor([4, 1, 3]), state=module.init_state(3))
    parts = [out]
    for step in range(-3, 0):
        out, state = module(torch.cat([row[:, step].unsqueeze(1) for row in rows]), state=state)
        parts.append(out)
    for index, row in enumerate(rows):
        whole, none = module(row)
        assert none is None
        got = torch.cat([parts[0][index, : row.shape[1] - 3], *(part[index] for part in parts[1:])])
        assert_close(got, whole[0])


def test_attention_to_all_steps_carries_nothing():
    module = MultiheadAttention(num_heads=2).build(SERIES).double()
    x = numbers(2, 3, 8)
    out, state = module(x, state=module.init_state(2))
    assert state == ()
    assert_close(out, module(x)[0])


def test_dropout_is_of_training():
    module = MultiheadAttention(num_heads=2, dropout=0.5).build(SERIES).double()
    x = numbers(2, 6, 8)
    assert not torch.equal(module(x)[0], module(x)[0])
    module.eval()
    assert torch.equal(module(x)[0], module(x)[0])


@pytest.mark.parametrize(
    ("layer", "specs", "told"),
    [
        (MultiheadAttention(num_heads=3), (SERIES,), r"splits 8 numbers into 3 heads of one size.*num_heads divides 8: 1, 2, 4, 8"),
        (MultiheadAttention(num_heads=8, rotary=True), (SERIES,), r"turns pairs of numbers \(rotary\), and a head has 1"),
        (MultiheadAttention(num_heads=4, num_kv_heads=3), (SERIES,), r"shares 3 heads of keys and values among 4"),
        (MultiheadAttention(num_heads=2), (Spec(IMAGE, (8, 4, 4)),), r"needs a sequence \[T, F\] and gets an image"),
        (CrossAttention(num_heads=2), (SERIES, Spec(SEQUENCE, (5, 6))), r"\[\*, 8\] and a sequence \[5, 6\] as memory.*linear: 8"),
    ],
)
def test_what_does_not_fit_is_refused(layer: MultiheadAttention | CrossAttention, specs: tuple[Spec, ...], told: str):
    with pytest.raises(SpecError) as caught:
        layer.out_spec(*specs)
    assert re.search(told, f"{caught.value.message}. {caught.value.hint}")


@pytest.mark.parametrize("option", ["causal", "rotary"])
def test_order_needs_one_sequence(option: str):
    with pytest.raises(ValidationError, match="compares steps of one sequence"):
        MultiheadAttention.parse({"type": "multihead_attention", "num_heads": 2, "memory": "a", option: True})
