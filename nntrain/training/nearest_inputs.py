"""Neighbours by the inputs themselves, pixel by pixel or word by word: how far embeddings get that nothing was learned for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.packed import PackedSteps
from nntrain.training.evaluation import Scores, evaluate_portions, evaluate_predictions
from nntrain.training.objective import Objective
from nntrain.training.references import Compared

ROWS: Final = 1024
"""Rows that are read at once."""
_WEIGHTS: Final = 2**26
"""Weights of words that are held at once."""


def measure_nearest_inputs(rows: Compared) -> Mapping[str, Scores] | None:
    """The inputs of a row one after another as its embedding, scaled as the network reads them.

    Of rows that hold two or three things in fields of one size each, or in texts with one vocabulary, the field of each thing is its
    embedding. Words of a text are weighed by how often they are in it and how rare in the training rows: n times
    1 + log((1 + N) / (1 + N_word)), all divided by their length (scikit-learn's TfidfVectorizer).

    `None` of more than one target, and of inputs that differ in length or hold classes.
    """
    objective, compared = rows.objective, rows.things
    [name, *others] = objective.targets
    target = objective.targets[name]
    kind = target.task.kind(target.target)
    if others:
        return None
    splits = {split: objective.measured(data) for split, data in rows.splits.items()}
    found: dict[str, Scores] = {}
    if kind == "neighbors":
        if not all(_is_plain(data) and not data.stored for data in splits.values()):
            return None
    elif compared is None or not all(_is_plain(data, compared) for data in splits.values()):
        return None if compared is None else _by_words(objective, splits, rows.train, compared)
    for split, data in splits.items():

        def portion(start: int, end: int, data: TensorData = data) -> Mapping[str, Tensor]:
            inputs = data.batch(start, end).inputs
            flat = {key: tensor.reshape(end - start, -1).float() for key, tensor in inputs.items()}
            return {
                name: torch.cat(list(flat.values()), dim=1) if compared is None else torch.stack([flat[key] for key in compared], dim=1)
            }

        found[split] = evaluate_portions(objective, portion, data, ROWS)
    return found


def _is_plain(data: TensorData, compared: tuple[str, ...] | None = None) -> bool:
    """Whether some fields, all if none are named, are numbers, as many in each; the same for rows that are not in memory."""
    inputs = data.batch(0, 1).inputs
    fields = tuple(inputs) if compared is None else compared
    there = [inputs.get(field) for field in fields]
    sizes = {tensor[:1].numel() for tensor in there if tensor is not None and tensor.dtype != torch.int64}
    is_all = all(tensor is not None and tensor.dtype != torch.int64 for tensor in there)
    return is_all and (len(sizes) == 1 or compared is None)


def _by_words(
    objective: Objective, splits: Mapping[str, TensorData], train: TensorData, fields: tuple[str, ...]
) -> Mapping[str, Scores] | None:
    """The scores by the words of texts; `None` of other fields, and of more words than are held at once."""
    texts = [data.stored.get(field) for data in (train, *splits.values()) for field in fields]
    if not all(isinstance(text, PackedSteps) and text.values.ndim == 1 and text.values.dtype == torch.int64 for text in texts):
        return None
    words = 1 + max(int(text.values.max()) for text in texts if isinstance(text, PackedSteps) and len(text.values))
    if words * len(fields) * max(len(data) for data in splits.values()) > _WEIGHTS:
        return None
    seen, total = torch.zeros(words), 0
    for field in fields:
        text = train.stored[field]
        assert isinstance(text, PackedSteps)
        rows = torch.arange(len(text)).repeat_interleave(text.lengths)
        seen = seen + cast("Tensor", torch.stack([rows, text.values]).unique(dim=1))[1].bincount(minlength=words)
        total += len(text)
    rarity = 1 + ((1 + total) / (1 + seen)).log()
    found: dict[str, Scores] = {}
    for split, data in splits.items():
        vectors: list[Tensor] = []
        for field in fields:
            text = data.stored[field]
            assert isinstance(text, PackedSteps)
            rows = torch.arange(len(text)).repeat_interleave(text.lengths)
            counts = torch.zeros(len(text), words).index_put_((rows, text.values), torch.ones(()), accumulate=True)
            vectors.append(torch.nn.functional.normalize(counts * rarity, dim=1))
        found[split] = evaluate_predictions(objective, {next(iter(objective.targets)): torch.stack(vectors, dim=1)}, data)
    return found
