"""Explains rows by training rows: those that the last layer of the network sees nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

import torch
from torch import Tensor

from nntrain.commands.explaining.answers import answer_of, chosen_answers
from nntrain.commands.explaining.cells import Cells
from nntrain.commands.explaining.explained_rows import node_places
from nntrain.commands.preparing.measured_rows import MeasuredRows, split_rows
from nntrain.data.batches import plain_batches
from nntrain.insight.columns import some_rows
from nntrain.insight.explanation import Example, ExplainedRow
from nntrain.insight.neighbors import last_read, nearest_rows
from nntrain.modules.network import Network

if TYPE_CHECKING:
    from nntrain.commands.explaining.answers import Asked
    from nntrain.commands.stored.opening import Stored
    from nntrain.data.batches import TensorData

MOST_KNOWN: Final = 20_000
"""Training rows that are looked through, at most."""
AT_ONCE: Final = 256
"""Rows in one pass."""
EXAMPLES: Final = 5
"""Of each row."""


def explained_by_examples(stored: Stored, given: MeasuredRows, numbers: list[int], asked: Asked) -> tuple[ExplainedRow, ...]:
    """Some rows with the training rows that are nearest to them; a training row is no example of itself.

    Of a bag, distances are the mean of those that its members see, and the training rows are those of the first member.

    Raises:
        DataError: The data of the run have changed, or can't be read.
        UsageError: The last layer reads something of each step.
    """
    members = stored.members or (stored,)
    train = split_rows(members[0], "train")
    known, _ = some_rows(train.data, MOST_KNOWN, stored.blueprint.experiment.seed)
    own = _chosen(given.data, numbers)
    answer = answer_of(stored, asked.target)
    read = [_read(member, own, asked.target) for member in members]
    found = torch.stack([answer.read({asked.target: outputs}) for _, outputs in read]).mean(0)
    chosen = chosen_answers(stored, asked, found)
    is_known = given.part == "train"
    seen = [_read(member, known, asked.target)[0] for member in members]
    distances, places = nearest_rows([each for each, _ in read], seen, EXAMPLES + is_known)
    numbers_known, numbers_own = (cast("list[int]", each.scored.tolist()) for each in (known, own))
    if own.units is not None:  # all nodes are read, and some of them asked for
        numbers_own = [numbers_own[number] for number in numbers]
        distances, places, found, chosen = (tensor[numbers] for tensor in (distances, places, found, chosen))
    rows, cells = Cells(train.table(), numbers_known), Cells(given.table(), numbers_own)
    target = next((field for field in stored.fields.fields if field.name == asked.target and field.plan.role == "target"), None)
    column = None if target is None or stored.fields.window is not None else target.plan.columns[0]
    explained: list[ExplainedRow] = []
    for place, number in enumerate(numbers):
        near = [
            Example(rows.place(int(each)), None if column is None else rows.cell(column, int(each)), float(distance))
            for distance, each in zip(distances[place], places[place], strict=True)
            if not (is_known and numbers_known[int(each)] == numbers_own[place])
        ]
        which = int(chosen[place])
        told = float(found[place, which])
        explained.append(ExplainedRow(number, cells.place(place), answer.names[which], told, told, (), None, tuple(near[:EXAMPLES])))
    return tuple(explained)


def _chosen(data: TensorData, numbers: list[int]) -> TensorData:
    """Some rows; of nodes of graphs all, as they are read together."""
    return data if data.units is not None else data.take(torch.tensor(numbers)).loaded()


def _read(stored: Stored, data: TensorData, target: str) -> tuple[Tensor, Tensor]:
    """What the last layer reads of some rows, `[N, F]`, and the outputs of the network, `[N, …]`; of nodes those that are scored."""
    network = stored.network
    assert isinstance(network, Network)
    read, outputs = list[Tensor](), list[Tensor]()
    for batch in plain_batches(data.to(stored.device), AT_ONCE):
        read.append(last_read(network, target, batch.inputs))
        with torch.no_grad():
            outputs.append(network(batch.inputs)[0][target])
    seen, answers = torch.cat(read), torch.cat(outputs)
    if data.units is None:
        return seen, answers
    places = node_places(data, data.scored).to(seen.device)
    return seen[places], answers[places]
