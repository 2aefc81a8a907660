"""A run that starts from trained weights: what is loaded, what is kept, what is refused, and that it goes on without them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from forging import forge_meta

from nntrain import fit, load
from nntrain.cli import main
from nntrain.commands.stored.opening import checkpoint_of
from nntrain.errors import CheckpointError, ConfigError
from nntrain.runs import Run

Tree = dict[str, Any]


def rows(path: Path, classes: str, count: int = 60) -> Path:
    """Points around a place for each class."""
    generator = torch.Generator().manual_seed(0)
    lines = ["x,y,kind"]
    for number in range(count):
        place = number % len(classes)
        point = torch.randn(2, generator=generator) * 0.2
        lines.append(f"{float(point[0]) + place * 3:.4f},{float(point[1]) - place * 2:.4f},{classes[place]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def config(path: str, init: Tree | None = None, hidden: int = 8, **training: Any) -> Tree:
    return {
        "name": "first" if init is None else "second",
        "data": {"source": path, "target": "kind"},
        "architecture": {"type": "mlp", "hidden": [hidden, hidden], **({} if init is None else {"init": init})},
        "regularization": {"norm": "batch"},
        "training": {"max_epochs": 2, "threads": 1, **training},
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run, and rows of the same and of other classes."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        rows(folder / "abc.csv", "abc")
        rows(folder / "def.csv", "def")
        fit(config("abc.csv"))
    return folder


@pytest.fixture
def here(world: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return checkpoint_of(Run(run), name)[1]["weights"]


def data_of(run: Path) -> Tree:
    return json.loads((run / "data.json").read_text())


def test_a_run_of_the_same_rows_starts_where_the_other_was_best(here: Path) -> None:
    done = fit(config("abc.csv", {"from": "runs/first"}, max_epochs=1), "optimizer.lr=1e-30")
    run = here / done.run.path
    before = weights(here / "runs/first/0001", "best")
    after = weights(run)
    assert all(torch.equal(before[name], after[name]) for name in before if "running" not in name and "batches" not in name)
    told = data_of(run)["init"]
    assert told["from"] == "runs/first/0001"
    assert {*told["loaded"]} == {name for name in before if "running" not in name and "batches" not in name}
    assert told["missing"] == told["unused"] == []
    resolved = yaml.safe_load((run / "resolved.yaml").read_text())
    assert resolved["architecture"]["init"]["from"] == "runs/first/0001"


def test_other_classes_get_a_new_head_over_the_old_body_and_its_scalers(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("second.yaml").write_text(yaml.safe_dump(config("def.csv", {"from": "runs/first"})))
    assert main(["fit", "second.yaml"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "the head is new: other classes: a, b, c there, d, e, f here" in told
    assert "as in runs/first/0001: x, y; fitted here: kind (training rows show d, e, f, which it has not)" in told
    first, second = load("runs/first"), load("runs/second")
    learned = [{field.name: field.state for field in model._stored.fields.fields} for model in (first, second)]  # pyright: ignore[reportPrivateUsage]
    assert str(learned[0]["x"]) == str(learned[1]["x"])
    assert learned[1]["kind"]["classes"] == ["d", "e", "f"]
    assert {*data_of(here / "runs/second/0001")["init"]["new_head"]} == {"head.weight", "head.bias"}
    assert main(["eval", "runs/second", "--split", "train"]) == 0, "its splits are encoded as they were"
    shutil.rmtree("runs/first")
    assert main(["eval", "runs/second", "--split", "validation"]) == 0, "the other run is not needed"


def test_refit_learns_fields_anew(here: Path) -> None:
    done = fit(config("def.csv", {"from": "runs/first", "fields": "refit"}))
    assert not (here / done.run.path / "origin").exists()


def test_a_run_goes_on_to_the_same_bytes_without_what_it_started_from(here: Path) -> None:
    whole = fit(config("def.csv", {"from": "runs/first"}, max_epochs=4))
    part = fit(config("def.csv", {"from": "runs/first"}, max_epochs=2))
    shutil.rmtree("runs/first")
    resumed = fit(None, "training.max_epochs=4", resume=part.run.path)
    one, other = weights(here / whole.run.path), weights(here / resumed.run.path)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_fits_too_little_is_refused_with_the_line_that_mends_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = config("abc.csv", {"from": "runs/first"})
    init: Tree = {"from": "runs/first"}
    tree["architecture"] = {"nodes": {"body": {"from": "inputs", "mlp": {"hidden": [8, 8]}}}, "init": init}
    Path("second.yaml").write_text(yaml.safe_dump(tree))
    assert main(["check", "second.yaml"]) == 2
    told = capsys.readouterr().err
    assert "second.yaml:" in told
    assert "holds 0% of the body (0 of 128 numbers), and at least 90% are needed" in told
    assert 'fix:  map: {"body.*": "*"}' in told
    init["map"] = {"body.*": "*"}
    Path("second.yaml").write_text(yaml.safe_dump(tree))
    assert main(["check", "second.yaml"]) == 0
    assert "100% of the body" in capsys.readouterr().out


def test_no_names_are_offered_for_another_network(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = config("abc.csv", {"from": "runs/first"})
    layers = [{"linear": width, "name": name} for name, width in (("a", 8), ("b", 9), ("c", 8))]
    tree["architecture"] = {"layers": layers, "init": {"from": "runs/first"}}
    tree["regularization"] = {}
    Path("second.yaml").write_text(yaml.safe_dump(tree))
    assert main(["check", "second.yaml"]) == 2
    told = capsys.readouterr().err
    assert "of the body" in told
    assert "map:" not in told


@pytest.mark.parametrize(
    ("init", "told"),
    [
        ("he_normal", "initializer: he_normal"),
        ({"from": "he_normal"}, "initializer: he_normal"),
        ("runs/first", "init: {from: runs/first}"),
        ({"from": "runs/none"}, "no run runs/none"),
        ({"from": "none.pt"}, "there is no file"),
        ({"from": "abc.csv"}, "is no file of weights"),
        ({"from": "runs/first", "map": {"nothing": "linear_1"}}, "'nothing' matches no parameter"),
        ({"from": "runs/first", "map": {"linear_1": "nothing"}}, "'nothing' names nothing that is there"),
        ({"from": "runs/first", "map": {"linear_1": "*.nothing"}}, "has more"),
    ],
    ids=str,
)
def test_wrong_origins_are_told_at_their_line(here: Path, init: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=r"architecture\.init") as caught:
        fit(config("abc.csv", init))
    assert told in str(caught.value)


def test_weights_in_pieces_are_to_be_exported_first(here: Path) -> None:
    """Those of a network that was shared out over processes lie so."""
    checkpoint = here / "runs/first/0001/checkpoints" / (here / "runs/first/0001/checkpoints/best").read_text().strip()
    piece = "weights-00001-of-00001.safetensors"
    (checkpoint / "weights.safetensors").rename(checkpoint / piece)
    forge_meta(
        checkpoint,
        lambda meta: {**meta, "files": {piece if file == "weights.safetensors" else file: own for file, own in meta["files"].items()}},
    )
    with pytest.raises(ConfigError, match="runs/first/0001 has its weights in pieces") as told:
        fit(config("abc.csv", {"from": "runs/first/0001"}))
    assert "runs/first/0001 -o FOLDER, and start from FOLDER" in str(told.value)


def test_another_width_is_of_another_shape(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"linear_1\.weight \(\[8, 2\] there, \[9, 2\] here\)"):
        fit(config("abc.csv", {"from": "runs/first"}, hidden=9))


@pytest.mark.parametrize("ending", ["pt", "safetensors"])
def test_a_file_of_somebody_else_is_loaded_by_a_map(here: Path, ending: str) -> None:
    state = {name: tensor.clone() for name, tensor in weights(here / "runs/first/0001").items()}
    theirs = {f"module.net.{name.replace('linear_1', 'fc')}": tensor for name, tensor in state.items()}
    if ending == "pt":
        torch.save({"state_dict": theirs, "epoch": 3}, "theirs.pt")
    else:
        from safetensors import torch as safetensors

        safetensors.save_file(theirs, "theirs.safetensors")
    init = {"from": f"theirs.{ending}", "map": {"linear_1": "net.fc", "*": "net.*"}}
    done = fit(config("abc.csv", init, max_epochs=1), "optimizer.lr=1e-30")
    after = weights(here / done.run.path)
    assert all(torch.equal(state[name], after[name]) for name in ("linear_1.weight", "head.bias", "batch_norm_2.weight"))
    told = data_of(here / done.run.path)["init"]
    assert len(told["fingerprint"]) == 64
    assert told["loaded"]["linear_1.weight"] == "net.fc.weight"


def test_weights_that_are_no_numbers_are_refused(here: Path) -> None:
    state = {name: tensor.clone() for name, tensor in weights(here / "runs/first/0001").items()}
    state["linear_1.bias"][0] = float("nan")
    torch.save(state, "nan.pt")
    with pytest.raises(CheckpointError, match=r"linear_1\.bias holds NaN"):
        fit(config("abc.csv", {"from": "nan.pt"}))
    del state["batch_norm_1.running_mean"]
    torch.save(state, "less.pt")
    with pytest.raises(CheckpointError, match=r"has no batch_norm_1\.running_mean"):
        fit(config("abc.csv", {"from": "less.pt"}))
    with pytest.raises(ConfigError, match="a file of weights has no fields"):
        fit(config("abc.csv", {"from": "less.pt", "fields": "keep"}))


def test_what_holds_no_weights_is_called_so(here: Path) -> None:
    with pytest.raises(ConfigError, match=r"abc\.csv is no file of weights") as found:
        fit(config("abc.csv", {"from": "abc.csv"}))
    assert "accepted: a run, or a file .safetensors" in str(found.value)
    (here / "hub").mkdir()
    (here / "hub" / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="hub is a folder of a trained body") as found:
        fit(config("abc.csv", {"from": "hub"}))
    assert "pretrained: hub" in str(found.value)


def test_bins_of_numbers_come_with_the_weights_that_stand_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows(tmp_path / "abc.csv", "abc")
    shifted = [line.split(",") for line in (tmp_path / "abc.csv").read_text().splitlines()]
    moved = [shifted[0], *([f"{float(x) * 3 + 5:.4f}", y, kind] for x, y, kind in shifted[1:])]
    (tmp_path / "moved.csv").write_text("\n".join(map(",".join, moved)) + "\n")
    tree = config("abc.csv")
    tree["architecture"]["inputs"] = {"*": {"ple": {"bins": 5, "dim": 3}}}
    first = fit(tree).run
    again = config("moved.csv", {"from": first.name}, max_epochs=1)
    again["architecture"]["inputs"] = {"*": {"ple": {"bins": 5, "dim": 3}}}
    second = fit(again).run
    before, after = (checkpoint_of(run, "last")[1]["weights"] for run in (first, second))
    name = next(name for name in before if name.endswith("ple_1.edges"))
    assert torch.equal(before[name], after[name])
