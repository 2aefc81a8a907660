"""State that recurrent layers carry over from window to window, in training, measuring and predicting."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from nntrain.assembly import Assembly, assemble
from nntrain.cli import main
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.data.batches import TensorData
from nntrain.errors import ConfigError, DataError
from nntrain.training.evaluation import predict, raw_outputs
from nntrain.training.loop import fit

WINDOW = 4


def config(**changes: Any) -> dict[str, Any]:
    """A recurrent network over windows of a series."""
    tree: dict[str, Any] = {
        "name": "carried",
        "seed": 1,
        "data": {
            "source": "rows.npz",
            "fields": {"y": {"type": "number", "role": ["input", "target"]}},
            "window": {"past": WINDOW, "stride": WINDOW},
            "split": {"validation": 0.2, "test": None},
            "batch": {"carry_state": True},
            "batch_size": 3,
        },
        "architecture": {"layers": [{"gru": 5}, {"pool": "last"}]},
        "optimizer": {"type": "sgd", "lr": 0.05},
        "training": {"max_steps": 5, "evaluate_every": {"steps": 5}, "device": "cpu"},
    }
    for path, value in changes.items():
        *parents, key = path.split("__")
        place = tree
        for parent in parents:
            place = place[parent]
        place[key] = value
    return tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A series of 160 rows."""
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "rows.npz", y=np.sin(np.arange(160) / 3) + 0.1 * draw.normal(size=160))
    return tmp_path


def assembled(folder: Path, **changes: Any) -> Assembly:
    job = prepare_job(read_mapping(config(**changes), (), folder))
    return assemble(job.blueprint, job.prepared)


def steps(run: Assembly) -> None:
    """Train to the end."""
    for _ in fit(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass


def whole(run: Assembly, data: TensorData) -> torch.Tensor:
    """What the network says at the end of each window where all rows are read as one series."""
    windows = data.batch(0, len(data)).inputs["window"]
    gru, head = run.session.network.get_submodule("gru_1"), run.session.network.get_submodule("head")
    with torch.no_grad():
        out, _ = gru(windows.reshape(1, -1, windows.shape[2]))
        return head(out[0, WINDOW - 1 :: WINDOW])


def test_one_lane_is_one_long_series(folder: Path) -> None:
    run = assembled(folder, data__batch_size=1)
    data = run.session.splits.validation
    assert data is not None
    found = raw_outputs(run.session.network, run.session.objective, data, run.session.precision)["y"][0]
    assert_close(found, whole(run, data))
    alone = raw_outputs(run.session.network, run.session.objective, TensorData(**_without_lanes(data)), run.session.precision)["y"][0]
    assert not torch.allclose(found[1:], alone[1:])


def _without_lanes(data: TensorData) -> dict[str, Any]:
    names = ("inputs", "targets", "weights", "numbers", "stored", "stored_targets")
    return {name: getattr(data, name) for name in names}


def test_predictions_of_several_lanes_are_in_the_order_of_the_rows(folder: Path) -> None:
    run = assembled(folder)
    session, train = run.session, run.session.splits.train
    found = predict(session.network, session.objective, train, session.precision)["y"].values
    ends = [0, -(-len(train) // 3), -(-len(train) // 3) + -(-(len(train) - 1) // 3), len(train)]
    parts = [whole(run, train.narrow(start, end)) for start, end in pairwise(ends)]
    expected = session.objective.targets["y"].predict(torch.cat(parts))
    assert_close(found, expected)


def test_a_step_goes_on_from_the_one_before_however_often_it_is_computed(folder: Path) -> None:
    run = assembled(folder)
    losses: list[float] = []
    for batches in run.protocol.batches(run.session, 0, 0):
        loss = run.protocol.step(run.session, batches).value
        again = run.protocol.step(run.session, batches).value  # as after memory ran out
        assert loss.item() == again.item()
        again.backward()  # through this window alone: what came before is not there any more
        losses.append(loss.item())
    anew = assembled(folder)
    alone = [assembled(folder).protocol.step(anew.session, batches).value.item() for batches in anew.protocol.batches(anew.session, 0, 0)]
    assert len(alone) == len(losses) == run.protocol.steps_per_epoch(run.session)
    assert losses[0] == alone[0]
    assert all(one != other for one, other in zip(losses[1:], alone[1:], strict=True))


def test_micro_batches_go_on_as_one_batch_does(folder: Path) -> None:
    one, several = assembled(folder, data__batch_size=4), assembled(folder, data__batch_size=2, training__accumulate=2)
    for run in (one, several):
        steps(run)
    for name, value in one.session.network.named_parameters():
        assert_close(several.session.network.get_parameter(name), value)


def test_an_epoch_begins_with_nothing(folder: Path) -> None:
    run = assembled(folder)
    for batches in run.protocol.batches(run.session, 0, 0):
        run.protocol.step(run.session, batches)
    assert [part.any() for part in run.protocol.state()["carried"]["gru_1"]] == [True]
    next(run.protocol.batches(run.session, 1, 0))
    assert run.protocol.state() == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data__window": {"past": WINDOW}}, "no window begins where another one of 4 ends"),
        ({"data__window": {"past": 3, "step": 2, "stride": 4}}, "3 is no multiple of step: 2"),
        ({"data__batch": {"carry_state": True, "sampler": "balanced"}}, "remove one of the two"),
        ({"data__batch_size": "full"}, "shows all windows at once"),
        ({"architecture": {"type": "mlp"}}, "this network has none"),
        ({"architecture": {"layers": [{"lstm": {"hidden_size": 3, "bidirectional": True}}, {"pool": "last"}]}}, "from its end too"),
        ({"regularization": {"mixup": 0.2}}, "goes on from each row to the one behind it"),
    ],
)
def test_what_carries_nothing_is_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        assembled(folder, **changes)
    assert message in str(caught.value)


def test_rows_without_windows_are_refused(folder: Path) -> None:
    tree = config()
    del tree["data"]["window"]
    tree["data"]["fields"] = {"y": {"type": "number", "role": "target"}, "x": {"type": "number"}}
    np.savez(folder / "rows.npz", x=np.arange(20.0), y=np.arange(20.0))
    with pytest.raises(ConfigError, match="stand each alone"):
        prepare_job(read_mapping(tree, (), folder))


def test_a_run_measures_what_it_reported(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "carried.yaml").write_text(json.dumps(config()), encoding="utf-8")
    assert main(["fit", str(folder / "carried.yaml"), "--runs", str(folder / "runs"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert main(["eval", str(folder / "runs/carried"), "--split", "validation", "--json"]) == 0
    measured = json.loads(capsys.readouterr().out)["metrics"]
    assert measured["rmse"] == pytest.approx(summary["best"]["validation.rmse"], rel=1e-6)


def test_series_that_take_turns_in_the_file_each_go_on_from_themselves(folder: Path) -> None:
    """Two series, row by row in turns, give what each gives as one long series."""
    draw = np.random.default_rng(1)
    np.savez(folder / "rows.npz", y=draw.normal(size=160), who=np.tile([0, 1], 80), t=np.repeat(np.arange(80), 2))
    group = {"who": {"type": "category", "role": "group"}, "t": {"type": "number", "role": "time"}}
    run = assembled(folder, data__batch_size=1, **{f"data__fields__{name}": field for name, field in group.items()})
    data = run.session.splits.train
    found = raw_outputs(run.session.network, run.session.objective, data, run.session.precision)["y"][0]
    series = data.stored["window"].runs
    assert sorted(set(series.tolist())) == [0, 1]
    for number in (0, 1):
        mine = (series == number).nonzero().flatten()
        assert_close(found[mine], whole(run, data.take(mine)))


def test_series_of_one_window_each_carry_nothing_and_are_refused(folder: Path) -> None:
    np.savez(folder / "rows.npz", y=np.arange(60.0), who=np.arange(60) // 6)
    with pytest.raises(DataError, match="no training window begins where another one of its series ends"):
        assembled(folder, data__fields__who={"type": "category", "role": "group"}, data__split={"validation": None, "test": None})
