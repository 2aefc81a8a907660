"""Where a decision tree of one number parts the rows by their target."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nntrain.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable

_SEED = 0
"""Trees of one number have nothing to draw but between equal gains."""


def thresholds(values: Tensor, target: Tensor | None, leaves: int) -> Tensor:
    """The thresholds of a tree with so many leaves at most, in their order.

    Args:
        values: One number of each row, `[N]`.
        target: What is to be told apart, `[N]`: classes as whole numbers, else values.
        leaves: How many.

    Raises:
        ConfigError: There is no such target, or no scikit-learn.
    """
    if target is None:
        message = "ple by target needs one target of a class or number a row"
        raise ConfigError([Problem(("architecture", "inputs"), message, "fix:  by: quantile")])
    tree = _trees(is_class=not target.is_floating_point())(max_leaf_nodes=leaves, random_state=_SEED)
    tree.fit(values.unsqueeze(1).numpy(), target.numpy())
    inner: Any = tree.tree_.threshold[tree.tree_.children_left >= 0]
    return torch.from_numpy(inner).sort().values


def _trees(*, is_class: bool) -> Callable[..., Any]:
    drawn = random.getstate()  # importing scikit-learn draws, and a run that goes on imports it no more
    try:
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
    except ImportError:
        message = "ple by target needs scikit-learn, which is not installed"
        raise ConfigError([Problem(("architecture", "inputs"), message, "pip install 'nntrain[baselines]', or by: quantile")]) from None
    finally:
        random.setstate(drawn)
    return DecisionTreeClassifier if is_class else DecisionTreeRegressor
