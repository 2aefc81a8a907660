"""Attention over sequences `[B, T, F]`; parameters have the names and the initial values of torch's `MultiheadAttention`.

Row lengths are int64 `[B]`, or `None` where all steps are true. No true step ever sees padding; what comes out at padding is zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from nntrain.modules.masking import fill_padding, true_steps
from nntrain.modules.rotating import Rotation

State = tuple[Tensor, ...]
"""Keys and values of the steps so far, each `[B, heads, S, size]`, and which of the S are true, bool `[B, S]`; of another sequence the
keys and values alone."""


class Attention(nn.Module):
    """What self attention and cross attention share: weights, heads, and the product itself."""

    def __init__(self, features: int, dim: int, num_heads: int, num_kv_heads: int, *, bias: bool, dropout: float) -> None:
        """Make the weights.

        Args:
            features: What comes in a step.
            dim: Numbers of all query heads together, which come out.
            num_heads: Heads of queries.
            num_kv_heads: Heads of keys and values, each shared by as many query heads.
            bias: Whether the projections have offsets.
            dropout: Probability of a weight of attention to be zeroed in training.
        """
        super().__init__()
        self.num_heads, self.num_kv_heads, self.size = num_heads, num_kv_heads, dim // num_heads
        self.dim, self.dropout = dim, dropout
        rows = dim + 2 * num_kv_heads * self.size
        self.in_proj_weight = nn.Parameter(torch.empty(rows, features))
        self.in_proj_bias = nn.Parameter(torch.empty(rows)) if bias else None
        self.in_proj_lora_a: nn.Parameter | None = None
        self.in_proj_lora_b: nn.Parameter | None = None
        self.in_proj_scale = 1.0
        self.out_proj = nn.Linear(dim, dim, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights as torch does: `in_proj` uniform by Glorot, offsets 0, `out_proj` as a linear layer."""
        nn.init.xavier_uniform_(self.in_proj_weight)
        if self.in_proj_bias is not None:
            nn.init.zeros_(self.in_proj_bias)
            nn.init.zeros_(self.out_proj.bias)

    def project(self, x: Tensor, start: int, end: int | None) -> Tensor:
        """Some rows of the joint projection, with what an adapter adds."""
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if start or end is not None:
            weight, bias = weight[start:end], None if bias is None else bias[start:end]
        projected = linear(x, weight, bias)
        if self.in_proj_lora_a is None or self.in_proj_lora_b is None:
            return projected
        return projected + self.in_proj_scale * linear(linear(x, self.in_proj_lora_a), self.in_proj_lora_b[start:end])

    def split(self, x: Tensor, heads: int) -> Tensor:
        """`[B, T, heads * size] -> [B, heads, T, size]`."""
        return x.view(len(x), x.shape[1], heads, self.size).transpose(1, 2)

    def keys_and_values(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        """Both of `[B, T, 2 * num_kv_heads * size]`."""
        keys, values = projected.chunk(2, dim=2)
        return self.split(keys, self.num_kv_heads), self.split(values, self.num_kv_heads)

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None, *, is_causal: bool = False) -> Tensor:
        """The mean of the values by the softmax of queries times keys, heads joined again and projected: `[B, T, dim]`."""
        mixed = scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=is_causal,
            enable_gqa=self.num_kv_heads != self.num_heads,
        )
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class SelfAttention(Attention):
    """Each step looks at the steps of its own row: `[B, T, F] -> [B, T, dim]`."""

    def __init__(self, *sizes: int, causal: bool, rotary: bool, **options: Any) -> None:
        """`sizes` and `options` as of `Attention`; `causal` hides later steps, `rotary` turns queries and keys by their position."""
        super().__init__(*sizes, **options)
        self.causal = causal
        self.rotation = Rotation(self.size) if rotary else None

    def init_state(self, rows: int) -> State:
        """The state before the first step: no keys and values. Empty where a step sees later ones too, which nothing can hand on."""
        if not self.causal:
            return ()
        none = self.in_proj_weight.new_empty(rows, self.num_kv_heads, 0, self.size)
        return none, none, torch.empty(rows, 0, dtype=torch.bool, device=none.device)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State | None]:
        """Attend, to the steps of `state` too where one is given.

        Returns:
            The output, zeros beyond a row's length, and the state to go on from: `None` where none was given.
        """
        x = fill_padding(x, lengths)  # a weight of 0 times infinity would be no number
        # Cut in one call, whose gradients are put side by side in one: those of slices are each as large as the whole.
        own = self.num_kv_heads * self.size
        parts = torch.split(self.project(x, 0, None), [self.dim, own, own], dim=2)
        heads = (self.num_heads, self.num_kv_heads, self.num_kv_heads)
        queries, keys, values = (self.split(part, count) for part, count in zip(parts, heads, strict=True))
        before = state if self.causal else None
        if self.rotation is not None:
            queries, keys = self.rotation(queries, keys, None if before is None else before[2].sum(1))
        if before is None:
            # Padding is behind the true steps of a row: where no step sees later ones, none sees padding.
            mask = None if lengths is None or self.causal else _visible(lengths, x.shape[1])
            return fill_padding(self.attend(queries, keys, values, mask, is_causal=self.causal), lengths), state
        keys, values, filled, mask = _extended(before, keys, values, lengths)
        return fill_padding(self.attend(queries, keys, values, mask), lengths), (keys, values, filled)


class CrossAttention(Attention):
    """Each step of one sequence looks at those of another: `[B, T, F]`, `[B, S, F] -> [B, T, dim]`."""

    def init_state(self, rows: int) -> State:
        """Nothing has been looked at yet. What follows are the keys and values of the memory, which is the same in all calls."""
        return ()

    def forward(
        self,
        x: Tensor,
        memory: Tensor,
        lengths: Tensor | None = None,
        side_lengths: Sequence[Tensor | None] = (None,),
        state: State | None = None,
    ) -> tuple[Tensor, State | None]:
        """Attend. A row whose memory has no steps gets the offsets of the projections alone.

        Args:
            x: What asks.
            memory: What is looked at.
            lengths: Row lengths of `x`.
            side_lengths: Those of `memory`.
            state: Keys and values of the memory, which is not read again.

        Returns:
            The output, and the state to go on from: `None` where none was given.
        """
        (known,) = side_lengths
        queries = self.split(self.project(x, 0, self.dim), self.num_heads)
        keys, values = state or self.keys_and_values(self.project(fill_padding(memory, known), self.dim, None))
        mask = None if known is None else _visible(known, memory.shape[1])
        return fill_padding(self.attend(queries, keys, values, mask), lengths), None if state is None else (keys, values)


def _visible(lengths: Tensor, steps: int) -> Tensor:
    """Bool `[B, 1, 1, S]`: steps that may be looked at. A row without any sees its first, which is zero: a softmax needs one."""
    return true_steps(lengths.clamp(min=1), steps)[:, None, None, :]


def _extended(before: State, keys: Tensor, values: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keys, values and which of them are true after these steps, and what each step sees: bool `[B, 1, T, S + T]`."""
    old_keys, old_values, filled = before
    rows, steps = len(keys), keys.shape[2]
    own = torch.ones(steps, steps, dtype=torch.bool, device=keys.device).tril().expand(rows, 1, steps, steps)
    mask = torch.cat([filled[:, None, None, :].expand(rows, 1, steps, filled.shape[1]), own], 3)
    true = filled.new_ones(rows, steps) if lengths is None else true_steps(lengths, steps)
    return torch.cat([old_keys, keys], 2), torch.cat([old_values, values], 2), torch.cat([filled, true], 1), mask
