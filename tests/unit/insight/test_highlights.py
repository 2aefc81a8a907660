"""Explanations of images, texts and sequences: where it is known what the answer hangs on, and how good they are on digits."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nntrain
from nntrain.cli import main
from nntrain.data.highlights import Heat, MarkedWords, heat_over_image, heat_over_steps
from nntrain.errors import UsageError

pytestmark = pytest.mark.extra("explain")

DIGITS: dict[str, Any] = {
    "name": "digits",
    "data": {
        "source": {"type": "builtin", "name": "digits"},
        "fields": {"image": {"type": "image"}, "label": {"type": "category", "role": "target"}},
    },
    "architecture": {"type": "cnn", "channels": [16, 32]},
    "optimizer": {"type": "adamw", "lr": 0.003},
    "training": {"max_epochs": 4, "device": "cpu"},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("digits")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        nntrain.fit(DIGITS, runs="runs")
    return place


@pytest.mark.parametrize("method", ["integrated_gradients", "occlusion", "saliency", "smoothgrad", "grad_cam"])
def test_heat_over_digits(method: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    found = nntrain.explain("runs/digits", method=method)
    assert found.importances is None
    assert found.dependences == ()
    for row in found.explained:
        (share,) = row.shares
        assert isinstance(share.highlight, Heat)
        assert Image.open(BytesIO(share.highlight.content)).size[0] >= 256
    assert found.quality is not None
    assert found.quality.deletion.is_better or method == "grad_cam"  # whose map of such small images has four places
    assert found.quality.randomisation is not None
    assert abs(found.quality.randomisation.correlation) < 0.4
    if method == "integrated_gradients":
        assert found.quality.completeness is not None
        assert found.quality.completeness < 1e-2
        assert found.quality.deletion.area < 0.7 * found.quality.deletion.random_area


def test_pictures_are_written_beside_the_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    goal = tmp_path / "why.json"
    options = ["--method", "saliency", "--rows", "2,5", "-o", goal.as_posix()]
    (tmp_path / "why_pictures").mkdir()
    assert main(["explain", "runs/digits", *options]) == 2
    assert "no explanation beside it" in capsys.readouterr().err
    (tmp_path / "why_pictures").rmdir()
    assert main(["explain", "runs/digits", *options]) == 0
    assert sorted(path.name for path in (tmp_path / "why_pictures").iterdir()) == ["row-2-image.png", "row-5-image.png"]
    assert "content" not in goal.read_text()


def test_the_word_that_decides_is_marked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    fillers = ["the", "film", "was", "seen", "by", "many", "people", "again"]
    lines = ["text,label"]
    for row in range(400):
        words = list(random.choice(fillers, random.integers(3, 8)))
        words.insert(int(random.integers(len(words))), "superb" if row % 2 else "dreadful")
        lines.append(f"{' '.join(words)},{'praise' if row % 2 else 'blame'}")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    fields = {"text": {"type": "text"}, "label": {"type": "category", "role": "target"}}
    layers = [{"embedding": 8}, {"pool": "mean"}]
    config = {"name": "texts", "data": {"source": "t.csv", "fields": fields}, "architecture": {"layers": layers}}
    run = nntrain.fit(
        {**config, "optimizer": {"type": "adamw", "lr": 0.03}, "training": {"max_epochs": 40, "device": "cpu"}}, runs="runs"
    ).run
    found = nntrain.explain(run, rows=list(range(10)))
    told = [row for row in found.explained if abs(row.answer - row.neutral) > 0.3]  # a text of padding may be as sure of one class
    assert len(told) >= 3
    for row in told:
        (share,) = row.shares
        assert isinstance(share.highlight, MarkedWords)
        strongest = int(np.argmax(np.abs(share.highlight.shares)))
        assert share.highlight.words[strongest] == ("superb" if row.output == "praise" else "dreadful")
        assert row.completeness is not None
        assert row.completeness < 1e-2
    assert main(["explain", run.name, "--rows", str(told[0].number)]) == 0
    assert "++]" in capsys.readouterr().out
    written = json.loads((run.path / "explain.json").read_text())["explained"][0]["shares"][0]
    assert len(written["words"]) == len(written["shares"])


def test_the_steps_that_decide_are_hot(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    steps = random.normal(size=(400, 16))
    lines = [",".join([*(f"s{step}" for step in range(16)), "y"])]
    lines += [",".join([*(f"{value:.4f}" for value in row), f"{row[5] - 2 * row[9]:.4f}"]) for row in steps]
    (tmp_path / "s.csv").write_text("\n".join(lines) + "\n")
    fields = {"s": {"type": "series", "columns": "s*"}, "y": {"type": "number", "role": "target"}}
    config = {"name": "steps", "data": {"source": "s.csv", "fields": fields}, "architecture": {"layers": ["flatten", {"linear": 1}]}}
    run = nntrain.fit(
        {**config, "optimizer": {"type": "adamw", "lr": 0.03}, "training": {"max_epochs": 30, "device": "cpu"}}, runs="runs"
    ).run
    heat = nntrain.explain(run, rows=[0, 1, 2, 3, 4])
    sums = np.zeros(16)
    for row in heat.explained:
        (share,) = row.shares
        assert isinstance(share.highlight, Heat)
        sums += np.abs(share.highlight.by_step)
    assert set(np.argsort(-sums)[:2]) == {5, 9}
    with pytest.raises(UsageError, match="the network has no convolution"):
        nntrain.explain(run, method="grad_cam")


def test_inputs_of_several_kinds_have_importances_and_shares(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 255, (300, 6, 6)).astype("uint8")
    age = random.normal(size=300)
    label = ((images[:, :3].mean((1, 2)) > images[:, 3:].mean((1, 2))) ^ (age > 1.5)).astype(int)
    np.savez(tmp_path / "d.npz", photo=images, age=age, noise=random.normal(size=300), label=label)
    fields = {"photo": {"type": "image"}, "age": "number", "noise": "number", "label": {"type": "category", "role": "target"}}
    nodes = {
        "seen": {"from": "photo", "layers": ["flatten", {"linear": 8}]},
        "told": {"from": ["age", "noise"], "layers": [{"linear": 8}, "relu"]},
        "both": {"concat": ["seen", "told"]},
    }
    config = {
        "name": "both",
        "data": {"source": {"type": "arrays", "path": "d.npz"}, "fields": fields},
        "architecture": {"nodes": nodes, "heads": {"label": "both"}},
        "optimizer": {"type": "adamw", "lr": 0.01},
        "training": {"max_epochs": 15, "device": "cpu"},
    }
    found = nntrain.explain(nntrain.fit(config, runs="runs").run)
    assert found.importances is not None
    assert found.importances.columns[0].column == "photo"
    shares = {share.column: share for share in found.explained[0].shares}
    assert set(shares) == {"photo", "age", "noise"}
    assert isinstance(shares["photo"].highlight, Heat)
    assert shares["age"].cell is not None
    assert {each.column for each in found.dependences} == {"age", "noise"}


def test_between_a_picture_and_its_shares_one_sees_what_they_lie_on() -> None:
    for heat in (heat_over_image(np.zeros((1, 8, 8)), np.ones((8, 8))), heat_over_steps(np.ones((70, 4)), np.ones((70, 4)))):
        opacity = np.asarray(Image.open(BytesIO(heat.content)).getchannel("A"))
        assert set(np.unique(opacity)) == {0, 255}
        assert (opacity == 0).mean() < 0.2
