"""Explains rows by training rows: those that the last layer of the network sees nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import torch
from torch import Tensor

from nntrain.commands.answers import answer_of, chosen_answers
from nntrain.commands.cells import Cells
from nntrain.commands.measured_rows import MeasuredRows, split_rows
from nntrain.data.batches import plain_batches
from nntrain.insight.columns import some_rows
from nntrain.insight.explanation import Example, ExplainedRow
from nntrain.insight.neighbors import last_read, nearest_rows
from nntrain.modules.network import Network

if TYPE_CHECKING:
    from nntrain.commands.answers import Asked
    from nntrain.commands.stored import Stored
    from nntrain.data.batches import TensorData

MOST_KNOWN: Final = 20_000
"""Training rows that are looked through, at most."""
AT_ONCE: Final = 256
"""Rows in one pass."""
EXAMPLES: Final = 5
"""Of each row."""


def explained_by_examples(stored: Stored, given: MeasuredRows, numbers: list[int], asked: Asked) -> tuple[ExplainedRow, ...]:
    """Some rows with the training rows that are nearest to them; a training row is no example of itself.

    Raises:
        DataError: The data of the run have changed, or can't be read.
        UsageError: The last layer reads something of each step.
    """
    train = split_rows(stored, "train")
    known, _ = some_rows(train.data, MOST_KNOWN, stored.blueprint.experiment.seed)
    own = given.data.take(torch.tensor(numbers)).loaded()
    answer = answer_of(stored, asked.target)
    asked_for, answers = _read(stored, own, asked.target)
    found = answer.read({asked.target: answers})
    chosen = chosen_answers(stored, asked, found)
    is_known = given.part == "train"
    distances, places = nearest_rows(asked_for, _read(stored, known, asked.target)[0], EXAMPLES + is_known)
    rows, cells = (
        Cells(train.table(), cast("list[int]", known.rows.tolist())),
        Cells(given.table(), cast("list[int]", own.rows.tolist())),
    )
    target = next(field for field in stored.fields.fields if field.name == asked.target and field.plan.role == "target")
    explained: list[ExplainedRow] = []
    for place, number in enumerate(numbers):
        near = [
            Example(rows.place(int(each)), rows.cell(target.plan.columns[0], int(each)), float(distance))
            for distance, each in zip(distances[place], places[place], strict=True)
            if not (is_known and int(known.rows[each]) == int(own.rows[place]))
        ]
        which = int(chosen[place])
        told = float(found[place, which])
        explained.append(ExplainedRow(number, cells.place(place), answer.names[which], told, told, (), None, tuple(near[:EXAMPLES])))
    return tuple(explained)


def _read(stored: Stored, data: TensorData, target: str) -> tuple[Tensor, Tensor]:
    """What the last layer reads of some rows, `[N, F]`, and the outputs of the network, `[N, …]`."""
    network = stored.network
    assert isinstance(network, Network)
    read, outputs = list[Tensor](), list[Tensor]()
    for batch in plain_batches(data.to(stored.device), AT_ONCE):
        read.append(last_read(network, target, batch.inputs))
        with torch.no_grad():
            outputs.append(network(batch.inputs)[0][target])
    return torch.cat(read), torch.cat(outputs)
