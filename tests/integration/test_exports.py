"""`nntrain export`: a folder that predicts to the bit what its run does, wherever it lies, and has nothing else of the run."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import hub_made
import numpy as np
import pytest
import safetensors.torch
import yaml

import nntrain
from nntrain.cli import main
from nntrain.errors import CheckpointError, UsageError
from nntrain.exporting.hub import Hub
from nntrain.exporting.state_file import read_state, write_state

Screens = pytest.CaptureFixture[str]
ROWS = 120
WORDS = ["the", "film", "was", "good", "bad", "long", "a", "story", "of", "two"]
CONFIG: dict[str, Any] = {
    "name": "wine",
    "data": {
        "source": "rows.csv",
        "target": "y",
        "fields": {"day": "date", "kind": "category", "note": {"role": "ignore"}, "large": {"role": "ignore"}},
        "split": {"test": 0.2},
        "batch_size": 16,
    },
    "architecture": {"mlp": [8]},
    "optimizer": {"adamw": 0.01},
    "training": {"max_epochs": 3},
    "tracking": "jsonl",
}
CLASSES: dict[str, Any] = {"target": "large", "fields": {"large": {"role": "target"}, "y": {"role": "ignore"}}}
NO_NUMBERS = {name: {"role": "ignore"} for name in ("a", "day", "kind")}
KINDS: dict[str, dict[str, Any]] = {
    "numbers": {"regularization": {"ema": 0.5}},
    "classes": {"task": {"type": "classification", "calibrate": "temperature"}, "data": CLASSES},
    "threshold": {"task": {"type": "classification", "threshold": {"tune": "f1"}}, "data": CLASSES},
    "soup": {"training": {"max_epochs": 6, "soup": 3, "early_stopping": {"monitor": "validation.loss", "patience": 9}}},
    "bag": {"training": {"max_epochs": 2, "bag": 2}},
    "bag of classes": {
        "training": {"max_epochs": 2, "bag": 2},
        "task": {"type": "classification", "calibrate": "temperature"},
        "data": CLASSES,
    },
    "text": {"data": {"fields": {"note": {"type": "text", "role": "input", "tokenizer": "word"}, **NO_NUMBERS}}, "architecture": "textcnn"},
    "unplaced": {"data": {"source": {"type": "csv", "path": "${env:ROWS_OF_TEST}"}}},
}


def write_rows(folder: Path) -> None:
    draw = np.random.default_rng(0)
    with (folder / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "day", "kind", "note", "y", "large"])
        for row in range(ROWS):
            a, kind = float(draw.normal()), "red" if row % 3 else "white"
            y = 10 + 3 * a + draw.normal() / 2 - 2 * (kind == "red")
            note = " ".join(draw.choice(WORDS, 4))
            writer.writerow([f"{a:.4f}" if row % 17 else "", f"2024-0{row % 9 + 1}-11", kind, note, f"{y:.4f}", "yes" if y > 9 else "no"])


def joined(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: joined(base[key], more[key])
        for key in base.keys() & more.keys()
        if isinstance(base[key], dict) and isinstance(more[key], dict)
    }
    return {**base, **more, **both}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def prediction(run: str, *more: str) -> str:
    assert main(["predict", run, "new.csv", "-o", "out.csv", *more]) == 0
    return Path("out.csv").read_text()


def figures(screen: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(screen).items() if key != "run"}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with rows, where the test stands; their path is in a variable too."""
    folder = tmp_path / "place"
    folder.mkdir()
    write_rows(folder)
    shutil.copy(folder / "rows.csv", folder / "new.csv")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ROWS_OF_TEST", str(folder / "rows.csv"))
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_it_predicts_what_its_run_does_when_that_is_gone(kind: str, place: Path, capsys: Screens, monkeypatch: pytest.MonkeyPatch) -> None:
    nntrain.fit(joined(CONFIG, KINDS[kind]))
    level = ("--interval", "0.8") if "task" not in KINDS[kind] else ()
    before = prediction("runs/wine/0001", *level)
    capsys.readouterr()
    assert main(["eval", "runs/wine/0001", "--data", "new.csv", "--json"]) == 0
    measured = figures(capsys.readouterr().out)
    rows = list(csv.DictReader(Path("new.csv").read_text().splitlines()))[:5]
    columns = nntrain.load("runs/wine/0001").predict(rows).columns()
    assert main(["export", "runs/wine/0001", "-o", "away"]) == 0

    elsewhere = place.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.move(place / "away", elsewhere / "renamed")
    shutil.move(place / "new.csv", elsewhere)
    shutil.rmtree(place)
    monkeypatch.chdir(elsewhere)
    monkeypatch.delenv("ROWS_OF_TEST")
    assert prediction("renamed", *level) == before
    capsys.readouterr()
    assert main(["eval", "renamed", "--data", "new.csv", "--json"]) == 0
    assert figures(capsys.readouterr().out) == measured
    assert nntrain.load("renamed").predict(rows).columns() == columns


@pytest.mark.parametrize("kind", ["numbers", "bag", "unplaced"])
def test_it_has_what_predicts_and_nothing_else(kind: str, place: Path, capsys: Screens) -> None:
    tree = joined({**CONFIG, "data": {**CONFIG["data"], "source": str(place / "rows.csv")}}, KINDS[kind])
    run = nntrain.fit(tree, runs=place / "kept").run
    assert main(["export", str(run.path), "-o", "away", "--license", "apache-2.0"]) == 0
    told = capsys.readouterr().out
    found = files_of(place / "away")
    own = {"README.md", "data.json", "model.json", "resolved.yaml", "summary.json"}
    member = own - {"README.md"} | {"model.safetensors"}
    below = {f"members/0{number}/{name}" for number in (1, 2) for name in member}
    wanted = own | {"members.json", "bag.json"} | below if kind == "bag" else own | {"model.safetensors"}
    assert set(found) == wanted
    for name in wanted:
        assert f"  {name} " in told
    whole = b"\n".join(found.values())
    for unwanted in (str(place.parent), "place", "kept", "exp_avg", "optimizer.json", "rng", "jsonl", "white,"):
        if not (unwanted == "rng" and kind == "bag"):
            assert unwanted.encode() not in whole, unwanted
    assert not any(content.startswith((b"\x80", b"PK")) for content in found.values()), "a pickle, or an archive"
    front = yaml.safe_load(found["README.md"].decode().split("---\n")[1])
    assert (front["license"], front["library_name"]) == ("apache-2.0", "nntrain")
    assert front["model-index"][0]["results"][0]["metrics"]
    assert b"nntrain predict away DATA" in found["README.md"]
    assert b"nntrain fit away/resolved.yaml" in found["README.md"]
    weights = next(path for path in (place / "away").rglob("model.safetensors"))
    assert all(name.split(".")[-1] in {"weight", "bias"} for name in safetensors.torch.load(weights.read_bytes()))


def test_a_license_is_named_only_where_it_is_said(place: Path, capsys: Screens) -> None:
    nntrain.fit(CONFIG)
    assert main(["export", "-o", "away"]) == 0
    assert b"license" not in files_of(place / "away")["README.md"]
    assert "license" not in Path("runs/wine/0001/model_card.md").read_text()
    nntrain.fit({**CONFIG, "export": {"license": "mit"}})
    assert main(["export", "-o", "other"]) == 0
    for card in ("other/README.md", "runs/wine/0002/model_card.md"):
        assert "\nlicense: mit\n" in Path(card).read_text()
    capsys.readouterr()
    assert main(["export", "-o", "third", "--license", "as you like"]) == 2
    assert "--license: 'as you like' is no name of a license" in capsys.readouterr().err
    assert main(["export", "-o", "third", "--format", "onx"]) == 2
    assert "--format: no form 'onx'\n   one of: hub" in capsys.readouterr().err


def test_what_is_there_is_kept_unless_it_is_an_export_that_is_to_be_replaced(place: Path, capsys: Screens) -> None:
    nntrain.fit(CONFIG)
    assert main(["export"]) == 2
    assert "nntrain export RUN -o FOLDER" in capsys.readouterr().err
    assert main(["export", "-o", "away"]) == 0
    before = files_of(place / "away")
    with pytest.raises(UsageError, match="is there already"):
        nntrain.export(None, "away")
    assert nntrain.export(None, "python") == Path("python")
    assert files_of(place / "python")["README.md"].replace(b"python", b"away") == before["README.md"].replace(b"python", b"away")
    (place / "away" / "README.md").write_text("mine")
    assert main(["export", "-o", "away"]) == 2
    assert "away is there already\n   another name: -o FOLDER, or --force to replace away" in capsys.readouterr().err
    assert files_of(place / "away")["README.md"] == b"mine"
    assert main(["export", "-o", "away", "--force"]) == 0
    assert files_of(place / "away") == before
    for other in (".", "runs/wine/0001", "rows.csv"):
        assert main(["export", "runs/wine/0001", "-o", other, "--force"]) == 2
        assert "is there already, and is no export" in capsys.readouterr().err
    Path("empty").mkdir()
    assert main(["export", "-o", "empty"]) == 0
    assert files_of(place / "empty").keys() == before.keys()
    assert not [name for name in names_in(place) if name.startswith((".away", ".empty"))]


def test_a_write_that_fails_leaves_what_was_there(place: Path, capsys: Screens, monkeypatch: pytest.MonkeyPatch) -> None:
    nntrain.fit(CONFIG)
    assert main(["export", "-o", "away"]) == 0
    before = files_of(place / "away")

    def fail(self: Hub, trained: Any, folder: Path) -> None:
        write_state(folder, trained.state, trained.step)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Hub, "write", fail)
    for folder in ("away", "other"):
        assert main(["export", "-o", folder, "--force"]) == 7
        assert f"cannot write {folder}: No space left on device" in capsys.readouterr().err
    assert files_of(place / "away") == before
    assert not [name for name in names_in(place) if "partial" in name or "before" in name or name == "other"]


def test_nothing_goes_on_from_it_and_words_say_so(place: Path, capsys: Screens) -> None:
    nntrain.fit(CONFIG)
    assert main(["export", "-o", "away"]) == 0
    for command in (["fit", "--resume"], ["verify"], ["report"], ["compare", "away"], ["export", "-o", "b"]):
        assert main([*command, "away"]) == 4
        assert "away is an export: it has what predicts, and neither the history" in capsys.readouterr().err
    for command in (["eval", "away"], ["explain", "away"], ["eval", "away", "--split", "test"]):
        assert main(command) == 2
        assert "away is an export, without the rows of its run" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="is an export"):
        nntrain.report("away")
    assert main(["show", "away"]) == 0
    before = names_in(Path("away"))
    assert main(["explain", "away", "new.csv"]) == 0
    assert (names_in(Path("away")), Path("explain.json").is_file()) == (before, True)  # what is given away gets no rows
    assert not (place.parent / "test_looks.json").exists()


def test_training_can_begin_with_its_weights(place: Path) -> None:
    nntrain.fit(CONFIG)
    assert main(["export", "-o", "away"]) == 0
    shutil.rmtree("runs")
    run = nntrain.fit(
        {**CONFIG, "architecture": {"type": "mlp", "hidden": [8], "init": {"from": "away"}}}, "training.max_steps=1", "optimizer.lr=1e-9"
    ).run
    from nntrain.commands.stored.opening import measured_state

    weights, ours = read_state(Path("away"))["weights"], measured_state(run)[1]["weights"]
    assert weights.keys() == ours.keys()
    assert all(np.allclose(weights[name], ours[name], atol=1e-6) for name in weights)


@pytest.mark.parametrize("file", ["model.json", "model.safetensors", "resolved.yaml"])
def test_a_damaged_one_is_refused(file: str, place: Path, capsys: Screens) -> None:
    nntrain.fit(CONFIG)
    assert main(["export", "-o", "away"]) == 0
    path = place / "away" / file
    whole = path.read_bytes()
    for content in (whole[:-9], whole.replace(b"5", b"6", 3) if file != "resolved.yaml" else whole.replace(b"16", b"17"), b"{}"):
        path.write_bytes(content)
        capsys.readouterr()
        assert main(["predict", "away", "new.csv", "-o", "out.csv"]) == 4
        assert f"away/{file}" in capsys.readouterr().err
    path.write_bytes(whole)
    assert main(["predict", "away", "new.csv", "-o", "out.csv"]) == 0


def test_what_a_stranger_has_written_is_refused_in_words(place: Path, capsys: Screens) -> None:
    nntrain.fit(CONFIG)
    assert main(["export", "-o", "away"]) == 0
    path = place / "away" / "model.json"
    whole = json.loads(path.read_text())
    name = next(iter(whole["tensors"]))
    odd = {**whole["tensors"][name], "values": [10**400]}
    changes: list[dict[str, Any]] = [
        {"format": 2},
        {"step": "many"},
        {"weights": {"w": {"@tensor": "nowhere"}}},
        {"weights": ["w"]},
        {"fields": [{"name": "a"}]},
        {"task": None},
        {"tensors": {name: odd}},
        {"tensors": {name: {**odd, "values": [1.0], "sizes": [10**12]}}},
        {"tensors": {name: {**odd, "values": [1.0], "type": "os.system"}}},
        {"files": {"model.safetensors": {"bytes": 1, "sha256": ""}}},
        {"files": {}},
        {"soup": {"@pickle": "gASVDwAAAAAAAACMBXBvc2l4lIwGc3lzdGVt"}},
    ]
    for change in changes:
        content = {key: value for key, value in {**whole, **change}.items() if key != "sha256"}
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        path.write_text(json.dumps({**content, "sha256": digest}))
        capsys.readouterr()
        assert main(["predict", "away", "new.csv", "-o", "out.csv"]) == 4, change
        assert "away" in capsys.readouterr().err


def test_every_number_of_a_state_comes_back_to_the_bit(tmp_path: Path) -> None:
    import torch

    values = torch.tensor([0.1, float("nan"), float("inf"), -float("inf"), -0.0, 1e-45, 3.4e38])
    kinds = [values, values.double() / 3, values.half(), values.bfloat16(), torch.tensor([2**62 + 1, -5]), torch.tensor([[True, False]])]
    tree: dict[str, Any] = {
        "weights": {"w": values},
        "fields": [{"a": each, "b": (1, None)} for each in [*kinds, torch.zeros(0, 3), torch.tensor(0.3)]],
    }
    write_state(tmp_path, tree, 7)
    found = read_state(tmp_path)
    for ours, theirs in zip(found["fields"], tree["fields"], strict=True):
        mine, wanted = ours["a"], theirs["a"]
        assert (mine.dtype, mine.shape, ours["b"]) == (wanted.dtype, wanted.shape, (1, None))
        torch.testing.assert_close(mine, wanted, rtol=0, atol=0, equal_nan=True)
        assert torch.equal(mine.double().nan_to_num().signbit(), wanted.double().nan_to_num().signbit())
    assert found["state"]["progress"]["step"] == 7


def test_a_network_that_makes_images_makes_the_same(place: Path) -> None:
    nodes = {
        "generator": {"from": "noise", "layers": [{"linear": 64}, {"reshape": [1, 8, 8]}, "tanh"]},
        "discriminator": {"from": "image", "layers": ["flatten", {"linear": 4}, {"linear": 1}]},
    }
    fields = {"image": {"type": "image", "normalize": [-1, 1]}, "label": {"role": "ignore"}}
    tree = {
        "name": "gan",
        "data": {"source": {"type": "builtin", "name": "digits"}, "fields": fields, "batch_size": 64},
        "architecture": {"nodes": nodes},
        "task": {"gan": 8},
        "training": {"protocol": "adversarial", "max_steps": 3},
    }
    nntrain.fit(tree)
    assert main(["generate", "runs/gan/0001", "--count", "4", "-o", "before.png"]) == 0
    assert main(["export", "-o", "away"]) == 0
    shutil.rmtree("runs")
    assert main(["generate", "away", "--count", "4", "-o", "after.png"]) == 0
    assert Path("before.png").read_bytes() == Path("after.png").read_bytes()


@pytest.mark.extra("text")
def test_a_trained_body_is_in_it_with_its_tokens(place: Path) -> None:
    hub_made.folder(Path("hub"))
    texts = ["the film was good", "the film was bad", "good !", "bad !"]
    Path("reviews.csv").write_text("\n".join(["review,liked", *(f"{text},{'no' if 'bad' in text else 'yes'}" for text in texts * 10)]))
    tree = {
        "name": "reviews",
        "data": {
            "source": str(place / "reviews.csv"),
            "target": "liked",
            "fields": {"review": {"type": "text", "tokenizer": {"pretrained": str(place / "hub")}}},
        },
        "architecture": {"type": "transformer_encoder", "pretrained": str(place / "hub")},
        "training": {"max_steps": 2},
    }
    run = nntrain.fit(tree).run
    before = nntrain.load(run).predict({"review": texts}).columns()
    assert main(["export", "-o", "away"]) == 0
    shutil.rmtree("hub")
    shutil.rmtree("runs")
    assert nntrain.load("away").predict({"review": texts}).columns() == before
    assert str(place).encode() not in b"".join(files_of(place / "away").values())


def test_a_network_that_is_asked_about_its_training_rows_stays_with_them(place: Path, capsys: Screens) -> None:
    Path("nodes.csv").write_text("\n".join(["id,x", *(f"n{node},{node % 5}" for node in range(40))]))
    pairs = [f"n{node},n{(node + step) % 40}" for node in range(40) for step in (1, 5)]
    Path("edges.csv").write_text("\n".join(["source,target", *pairs]))
    source = {"type": "graph", "nodes": "nodes.csv", "edges": "edges.csv", "target": "edges"}
    nntrain.fit({"name": "links", "data": {"source": source}, "training": {"max_steps": 1}})
    assert main(["export", "-o", "away"]) == 2
    assert "answers questions about the graph that it was trained on" in capsys.readouterr().err
