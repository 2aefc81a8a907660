"""Greedy soups: the weights of some of the best states of a run, averaged as long as that is no worse (Wortsman et al., 2022)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from nntrain.training.state import restore_network

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Soup:
    """What was averaged."""

    weights: Weights
    """State dict of the averaged network."""
    taken: tuple[int, ...]
    """Which of the states are in it, by their place."""
    before: float | None
    """The metric of the best state; `None` where it is undefined, and nothing is averaged then."""
    after: float | None
    """That of the average."""


def cook(
    network: nn.Module,
    states: Iterable[Weights],
    measure: Callable[[], float | None],
    settle: Callable[[], None],
    direction: Literal["min", "max"],
) -> Soup:
    """Average the weights of states, each of which is taken where the average with it is at least as good as without.

    Parameters are averaged, each state that is taken counting as much as any other. Buffers are those of the best state: what is fitted on
    first rows is the same in all, counts have no mean, and running statistics belong to the weights of one step (`settle`).

    Args:
        network: Has the averaged weights in the end.
        states: State dicts, the best first.
        measure: Measures the network on the validation rows.
        settle: Computes anew what belongs to the weights that the network has now, and is no parameter.
        direction: Which values are better.

    Raises:
        CheckpointError: A state is that of another network.
    """
    ingredients = iter(states)
    best = next(ingredients)
    averaged = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    restore_network(network, best)
    before = after = measure()
    weights: dict[str, Tensor] = dict(best)
    taken = [0]
    for place, state in enumerate(ingredients, start=1):
        if after is None:
            break
        share = 1 / (len(taken) + 1)  # of equal numbers the mean is the number itself, to the last bit
        tried: dict[str, Tensor] = {
            name: torch.lerp(value, state[name], share) if name in averaged else value for name, value in weights.items()
        }
        restore_network(network, tried)
        settle()
        found = measure()
        if found is not None and (found >= after if direction == "max" else found <= after):
            live: dict[str, Tensor] = network.state_dict()
            weights = {name: value.cpu().clone() for name, value in live.items()}
            after = found
            taken.append(place)
    restore_network(network, weights)
    return Soup(weights, tuple(taken), before, after)
