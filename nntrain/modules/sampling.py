"""Drawing the next step of a sequence from logits."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class Choice(Protocol):
    """What says how a token is drawn; see `nntrain.tasks.sampling.Sampling`."""

    @property
    def temperature(self) -> float:
        """What logits are divided by; 0 takes the likeliest."""
        ...

    @property
    def top_k(self) -> int | None:
        """Likeliest tokens that are drawn from."""
        ...

    @property
    def top_p(self) -> float | None:
        """Share of the probability that they make up."""
        ...

    @property
    def repetition_penalty(self) -> float:
        """What makes tokens less likely that were there before."""
        ...


def draw_token(logits: Tensor, seen: Tensor, choice: Choice, generator: torch.Generator) -> Tensor:
    """Draw one token for each row.

    Args:
        logits: `[B, V]`; minus infinity for what is never drawn.
        seen: The tokens before, int64 `[B, T]`.
        choice: How to draw.
        generator: Where the random numbers come from, on the CPU.

    Returns:
        Int64 `[B]`.
    """
    logits = penalised(logits.double(), seen, choice.repetition_penalty)
    if choice.temperature == 0:
        return logits.argmax(dim=1)
    logits = logits - logits.amax(dim=1, keepdim=True)  # however small the temperature, the likeliest stays a number
    shares = kept(logits / choice.temperature, choice).softmax(dim=1)
    return torch.multinomial(shares.cpu(), 1, generator=generator).squeeze(1).to(logits.device)


def penalised(logits: Tensor, seen: Tensor, penalty: float) -> Tensor:
    """Logits `[B, V]` that are smaller for tokens that were there before, `[B, T]`."""
    if penalty == 1 or not seen.shape[1]:
        return logits
    was_there = torch.zeros_like(logits, dtype=torch.bool).scatter(1, seen, True)
    return torch.where(was_there, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def kept(logits: Tensor, choice: Choice) -> Tensor:
    """Logits `[B, V]`, minus infinity for what `top_k` and `top_p` leave out. The likeliest is always kept."""
    if choice.top_k is not None and choice.top_k < logits.shape[1]:
        order = logits.sort(dim=1, descending=True, stable=True).indices  # of equal ones the first, as the likeliest is taken
        logits = logits.masked_fill(torch.ones_like(logits, dtype=torch.bool).scatter(1, order[:, : choice.top_k], False), float("-inf"))
    if choice.top_p is not None and choice.top_p < 1:
        ordered, order = logits.sort(dim=1, descending=True, stable=True)
        before = ordered.softmax(dim=1).cumsum(dim=1) - ordered.softmax(dim=1)
        is_out = torch.zeros_like(logits, dtype=torch.bool).scatter(1, order, before >= choice.top_p)
        logits = logits.masked_fill(is_out, float("-inf"))
    return logits


def draw_notes(logits: Tensor, choice: Choice, generator: torch.Generator) -> Tensor:
    """Draw which of several notes sound, each by itself: logits `[B, N]` to 0 and 1 `[B, N]`. At temperature 0 those above a half do."""
    logits = logits.double()
    if choice.temperature == 0:
        return (logits > 0).float()
    shares = (logits / choice.temperature).sigmoid().cpu()
    return torch.bernoulli(shares, generator=generator).float().to(logits.device)
