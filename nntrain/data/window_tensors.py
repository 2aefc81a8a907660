"""Windows as tensors: the rows that inputs are gathered from, and the values that are predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from nntrain.data.batches import TensorData
from nntrain.data.window import FORECAST, KNOWN, KNOWN_PAST, WINDOW, WindowSettings
from nntrain.data.window_cutting import Cut, target_rows
from nntrain.data.windows import Windows

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Encoded


def window_tensors(
    window: WindowSettings, cut: Cut, encoded: Mapping[tuple[str, str], Encoded], is_missing: Mapping[str, Array]
) -> tuple[TensorData, list[str]]:
    """Put windows together; each has the number of the row that it predicts from.

    Args:
        window: How they are cut.
        cut: Where they are.
        encoded: Numbers of the rows of `cut` in their order, `[N]` by role and field: the inputs, and the targets where they are known.
        is_missing: By target which of these rows have none, bool `[N]`.

    Returns:
        The windows, of which those that lack a target are left out, and how many these are, in words.
    """
    ahead = target_rows(window, cut.origins)
    keep = np.ones(len(cut.origins), dtype=bool)
    notes = list(cut.notes)
    for name, mask in is_missing.items():
        is_lost = mask[ahead].any(axis=1)
        lost = int((keep & is_lost).sum())
        notes += [f"{lost:,} window{'s' if lost > 1 else ''} left out, as {name} is missing in what they predict"] if lost else []
        keep &= ~is_lost
    origins, ahead = cut.origins[keep], ahead[keep]
    inputs = _inputs(window, encoded, origins, cut.runs[keep])
    numbers = torch.from_numpy(cut.rows[origins])
    if window.joins([name for role, name in encoded if role == "input"], is_missing.keys()):
        together = np.stack([encoded["target", name].values for name in is_missing], axis=1)
        ends = torch.from_numpy(origins + window.gap + window.horizon)
        ahead_of = Windows(torch.from_numpy(together), ends, window.horizon, 1)
        return TensorData({}, {}, None, numbers, stored=inputs, stored_targets={FORECAST: ahead_of}), notes
    wanted = {name: encoded["target", name].values[ahead] for name in is_missing}
    targets = {name: torch.from_numpy(values[:, 0].copy() if window.horizon == 1 else values) for name, values in wanted.items()}
    return TensorData({}, targets, None, numbers, stored=inputs), notes


def _inputs(window: WindowSettings, encoded: Mapping[tuple[str, str], Encoded], origins: Array, runs: Array) -> dict[str, Windows]:
    """The past of columns, and of those that are known beforehand the rows that are predicted too."""
    columns = {name: field.values for (role, name), field in encoded.items() if role == "input"}
    past = [values for name, values in columns.items() if not window.is_known(name)]
    known = [values for name, values in columns.items() if window.is_known(name)]
    ends, series = torch.from_numpy(origins), torch.from_numpy(runs)
    found: dict[str, Windows] = {}
    if past:
        found[WINDOW] = Windows(_beside(past), ends, window.steps, window.step, series)
    if known:
        values = _beside(known)
        found[KNOWN] = Windows(values, ends + window.gap + window.horizon, window.horizon, 1)
        found[KNOWN_PAST] = Windows(values, ends, window.steps, window.step, series)
    return found


def _beside(columns: Sequence[Array]) -> torch.Tensor:
    """Columns of one number a row `[N]` or several `[N, F]` beside one another, float32 `[N, F]`."""
    return torch.from_numpy(np.concatenate([values.reshape(len(values), -1).astype(np.float32, copy=False) for values in columns], axis=1))
