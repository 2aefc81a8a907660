"""Damaged checkpoints: what is loaded is always a state that was saved, by this run; what is wrong is told, never a traceback."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from damage_ground import DAMAGES, checkpoints, digest, train_two
from forging import forge_meta

from nntrain.assembly import Assembly, assemble
from nntrain.cli import main
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.stored.opening import measured_state, needed_of, stored_config
from nntrain.commands.training.recording import Recorder
from nntrain.errors import CheckpointError
from nntrain.runs import Run
from nntrain.training import checkpoint

FEW = [33, pytest.param(1_000, marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    return train_two(tmp_path_factory.mktemp("damage"))


@pytest.fixture(scope="module")
def fresh(trained: tuple[Run, Run]) -> Callable[[], Assembly]:
    """Makes the objects of the run as they are before its first step."""
    job = prepare_job(stored_config(trained[0]))
    return lambda: assemble(job.blueprint, job.prepared)


def copy_of(run: Run, folder: Path) -> Run:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.path, folder)
    return Run(folder)


def gone_on_with(run: Run, assembly: Assembly) -> tuple[str, tuple[str, ...], CheckpointError | None]:
    """Digest of the weights that a resumed run goes on with, what it tells, and how it is refused."""
    try:
        recorder = Recorder(run, assembly, {"fields": [], "task": {}}, Signals())
    except CheckpointError as error:
        return "", (), error
    recorder.close()
    return digest({"weights": assembly.session.network.state_dict()}), recorder.damaged, None


@pytest.mark.bar("R5")
@pytest.mark.parametrize("count", FEW)
def test_a_damaged_checkpoint_is_told_and_never_used(
    trained: tuple[Run, Run], fresh: Callable[[], Assembly], count: int, tmp_path: Path, record_property: Callable[[str, str], None]
) -> None:
    own, other = trained
    saved = {path.name: checkpoint.load(path, needed_of(own)) for path in checkpoints(own)}
    weights = {name: digest({"weights": parts["weights"]}) for name, parts in saved.items()}
    whole = {name: digest(parts) for name, parts in saved.items()}
    names = list(saved)
    outcomes: Counter[str] = Counter()
    chance = random.Random(0)
    assembly = fresh()
    for number in range(count):
        run = copy_of(own, tmp_path / "copy")
        how = list(DAMAGES)[number % len(DAMAGES)]
        damaged = names if number % 5 == 4 else names[:1]  # every fifth time no checkpoint is spared
        for name in damaged:
            DAMAGES[how](run.checkpoints / name, other.checkpoints / name, chance)
        found, told, error = gone_on_with(run, assembly)
        if error is not None:
            assert len(damaged) > 1, (number, how, str(error))
            assert all(name in str(error) for name in names), str(error)
            assert error.hint is not None
            outcomes["refused"] += 1
        elif found == weights[names[0]]:  # pointers are made anew; zeros over zeros change nothing
            assert not told, (number, how)
            outcomes["no harm"] += 1
        else:
            used = next(name for name in names if weights[name] == found)
            assert [name in line for line, name in zip(told, names, strict=False)] == [True] * names.index(used), (number, how, told)
            outcomes["the one before"] += 1
        try:
            path, parts, _ = measured_state(copy_of(run, tmp_path / "measured"))
        except CheckpointError:
            continue
        assert digest(parts) == whole[path.name], (number, how)
    assert outcomes.total() == count
    assert outcomes["the one before"] > count / 2
    record_property("figure", f"{count:,} damaged checkpoints in {len(DAMAGES)} ways (seed 0): 0 loaded, 0 tracebacks; {dict(outcomes)}")


@pytest.mark.bar("R5")
@pytest.mark.parametrize("count", [3, pytest.param(50, marks=pytest.mark.slow)])
def test_a_run_goes_on_from_the_one_before_and_ends_the_same(
    trained: tuple[Run, Run],
    count: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, str], None],
) -> None:
    own, other = trained
    newest = checkpoints(own)[0].name
    monkeypatch.chdir(own.path.parents[2])
    end = checkpoint.load(own.checkpoints / newest)
    chance = random.Random(1)
    harmful = [how for how in DAMAGES if how != "pointer"]
    fell_back = 0
    for number in range(count):
        run = copy_of(own, own.path.parent / "copied")
        DAMAGES[harmful[number % len(harmful)]](run.checkpoints / newest, other.checkpoints / newest, chance)
        is_harmed = checkpoint.newest_path(run.checkpoints, needed_of(run)) != run.checkpoints / newest
        assert main(["fit", "--resume", run.path.as_posix()]) == 0
        told = capsys.readouterr().err
        assert ("damaged, passed over: " in told) == is_harmed, told
        fell_back += is_harmed
        again = checkpoint.load(run.checkpoints / newest, needed_of(run))
        for part in ("weights", "optimizer", "rng", "fields", "task"):
            assert digest({part: again[part]}) == digest({part: end[part]}), (number, part)
        assert (run.path / "history.jsonl").read_bytes() == (own.path / "history.jsonl").read_bytes()
    assert fell_back >= count * 0.8
    record_property("figure", f"{count} resumed by the command line: {fell_back} from the checkpoint before, all to the same bytes")


def test_where_all_are_damaged_each_fault_is_told_and_what_to_do(
    trained: tuple[Run, Run], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = trained
    monkeypatch.chdir(own.path.parents[2])
    run = copy_of(own, own.path.parent / "all")
    first, second, third = checkpoints(run)
    (first / "weights.safetensors").write_bytes(b"")
    (second / "state.safetensors").unlink()
    (third / "meta.json").write_text("{")
    assert main(["fit", "--resume", run.path.as_posix()]) == 4
    told = capsys.readouterr().err
    assert f"{first.name}/weights.safetensors: damaged (has 0 bytes" in told
    assert f"{second.name}/state.safetensors: is missing" in told
    assert f"{third.name}/meta.json: damaged" in told
    assert "train a new run: nntrain fit CONFIG" in told


def test_a_run_folder_may_be_copied_and_moved(trained: tuple[Run, Run], tmp_path: Path) -> None:
    run = copy_of(trained[0], tmp_path / "elsewhere" / "0007")
    path, parts, notes = measured_state(run)
    assert notes == ()
    assert digest(parts) == digest(checkpoint.load(trained[0].checkpoints / path.name))


def test_a_run_from_before_runs_had_ids_is_still_read(trained: tuple[Run, Run], tmp_path: Path) -> None:
    run = copy_of(trained[0], tmp_path / "old")
    record: dict[str, Any] = run.read_json("data.json")
    del record["id"]
    run.write_json("data.json", record)
    for path in checkpoints(run):
        forge_meta(path, lambda meta: {key: value for key, value in meta.items() if key != "run"})
    assert torch.is_tensor(next(iter(measured_state(run)[1]["weights"].values())))
