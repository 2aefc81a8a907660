"""A look at the network: what portions of its rows tell is what all rows tell at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.training import run_facts
from nntrain.config.reading import read_mapping
from nntrain.insight.probe import Answers, Probe, Seen, Watched
from nntrain.insight.signals import Signals

ROWS = 12


def look(rows: int) -> Signals:
    """At a small network, with so many rows a portion."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.Tanh())
    x, y = torch.randn(ROWS, 4), torch.randint(0, 3, (ROWS,))
    with torch.no_grad():
        network[0].bias[:5] = -9.0  # off for all rows
        network[0].bias[5:10] = -0.6  # off for some portions
        network[2].weight *= 9

    def run() -> Iterator[Seen]:
        for start in range(0, ROWS, rows):
            outputs: Tensor = network(x[start : start + rows])
            target = y[start : start + rows]
            loss = nn.functional.cross_entropy(outputs, target, reduction="sum") / ROWS
            answers = Answers("y", outputs.detach().softmax(dim=1), target, torch.arange(start, start + len(target)))
            yield Seen(loss, [answers], len(target))

    watched = {"1": Watched("relu", 1), "3": Watched("tanh", 1)}
    return Probe(network, torch.optim.SGD(network.parameters(), lr=0.1), watched, run).look()


@pytest.mark.parametrize("rows", [1, 4, 5])
def test_portions_tell_what_all_rows_tell(rows: int) -> None:
    whole, found = look(ROWS), look(rows)
    assert found.rows == whole.rows == ROWS
    assert found.loss == pytest.approx(whole.loss, rel=1e-4)
    assert found.classes == whole.classes
    assert [unit.name for unit in found.units] == ["1", "3"]
    assert found.units[0] == whole.units[0]
    assert 5 / 16 <= whole.units[0].share < 10 / 16  # those of some portions alone are not off
    assert found.units[1].share == pytest.approx(whole.units[1].share, rel=1e-4)
    assert 0 < whole.units[1].share < 1
    for own, other in zip(found.layers, whole.layers, strict=True):
        assert own.gradient == pytest.approx(other.gradient, rel=1e-3)


@pytest.mark.parametrize(("batch", "at_once", "largest"), [(16, 0, 8), (2, 0, 1), (2, (64 + 8 + 10) * 4 * 5, 5), (2, 2**20, 256)])
def test_a_look_takes_no_more_rows_at_once_than_half_a_batch_of_training_or_small_ones(
    batch: int, at_once: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_facts, "AT_ONCE", at_once)
    config: dict[str, Any] = {
        "data": {"source": {"type": "builtin", "name": "digits"}, "batch_size": batch},
        "architecture": {"layers": ["flatten", {"linear": 8}, {"linear": 10}]},
    }
    job = prepare_job(read_mapping(config))
    assembly = assemble(job.blueprint, job.prepared)
    probe = run_facts.probe_of(job, assembly)
    assert probe is not None
    seen: list[int] = []
    first = next(module for module in assembly.session.network.modules() if isinstance(module, nn.Linear))
    first.register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    assert probe.look().rows == sum(seen)
    assert max(seen) == min(largest, sum(seen))
