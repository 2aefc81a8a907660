"""Awkward data through a whole run: each file has its outcome, nothing undefined is written, and the user's files stay as they were."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from awkward_files import AWKWARD, HEAD, Awkward

from nntrain.cli import main

Screens = pytest.CaptureFixture[str]
Record = Callable[[str, object], None]


def command(screens: Screens, *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, error = screens.readouterr()
    assert "Traceback" not in error
    assert max(map(len, error.splitlines()), default=0) < 1_000
    return code, out, " ".join(error.split())


def digests(folder: Path) -> dict[Path, str]:
    """Of the user's files."""
    files = (path for path in folder.rglob("*") if path.is_file() and "runs" not in path.relative_to(folder).parts)
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def values(tree: Any) -> Iterator[Any]:
    """All values of a JSON tree."""
    if isinstance(tree, dict):
        for each in cast("dict[str, Any]", tree).values():
            yield from values(each)
    elif isinstance(tree, list):
        for each in cast("list[Any]", tree):
            yield from values(each)
    else:
        yield tree


def check_written(run: Path) -> None:
    """Every file of a run is JSON by the letter, which has no NaN and no infinity."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{run}: {word}")

    for name in ("history.jsonl", "timing.jsonl"):
        for line in (run / name).read_text("utf-8").splitlines():
            json.loads(line, parse_constant=refuse)
    summary = json.loads((run / "summary.json").read_text("utf-8"), parse_constant=refuse)
    assert all(math.isfinite(value) for value in values(summary) if isinstance(value, float))
    assert summary["best"][summary["monitor"]] is not None


def check_predictions(out: str) -> int:
    """Every row has a prediction, and every figure is one."""
    limit = csv.field_size_limit(2**24)
    try:
        rows = list(csv.DictReader(io.StringIO(out)))
    finally:
        csv.field_size_limit(limit)
    figures = [row[name] for row in rows for name in row if name.startswith("probability")]
    assert all(row["prediction"] for row in rows)
    assert all(0 <= float(figure) <= 1 for figure in figures)
    return len(rows)


def check_outcome(screens: Screens, folder: Path, code: int, told: str, data: str) -> None:
    """`fit`, and where it trains `eval` and `predict`: as documented, and no file of the user's is touched."""
    before = digests(folder)
    found, _, text = command(screens, "fit", "t.yaml")
    assert found == code, text
    assert told in text
    runs = list(folder.glob("runs/t/*/"))
    assert bool(runs) == (code == 0)  # what is refused is refused before there is a run
    if code == 0:
        check_written(runs[0])
        assert command(screens, "eval", "--json")[0] == 0
        predicted = command(screens, "predict", data)
        assert predicted[0] == 0, predicted
        assert check_predictions(predicted[1]) > 0
    assert digests(folder) == before


@pytest.mark.bar("D2")
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.slow] if case.is_slow else [], id=case.what.replace(" ", "-")) for case in AWKWARD],
)
def test_awkward_tables_have_their_outcome(case: Awkward, tmp_path: Path, capsys: Screens, record_property: Record) -> None:
    (tmp_path / case.file).write_bytes(case.content)
    (tmp_path / "v.csv").write_text(f"{HEAD}\n", encoding="utf-8")
    data = {"source": case.file, "target": "y", **case.data}
    write_config(tmp_path, data, case.layers)
    check_outcome(capsys, tmp_path, case.code, case.told, case.file)
    record_property("figure", f"{case.what}: exit {case.code}")


def write_config(folder: Path, data: dict[str, Any], layers: tuple[Any, ...]) -> None:
    config = {"name": "t", "data": data, "architecture": {"layers": [*layers]}, "training": {"max_epochs": 2}}
    (folder / "t.yaml").write_text(json.dumps(config), encoding="utf-8")


def write_images(folder: Path) -> None:
    from PIL import Image

    for place, name in enumerate(("a", "b")):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            pixels = (np.arange(64).reshape(8, 8) * 3 + 60 * place + number).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def break_stream(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 4] ^= 0xFF
    path.write_bytes(content)


IMAGES: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "whole": (Path.exists, 0, "train 16"),
    "cut off": (cut, 3, "im: image: 1 of 20 images cannot be read: a/3.png: no image, or damaged repair or remove them"),
    "with a broken stream": (break_stream, 3, "im: image: 1 of 20 images cannot be read: a/3.png"),
    "of no byte": (lambda path: path.write_bytes(b""), 3, "a/3.png: no image, or damaged"),
    "that is a text": (lambda path: path.write_text("hello"), 3, "a/3.png: no image, or damaged"),
    "with another suffix": (lambda path: path.rename(path.with_suffix(".jpg")), 0, "train 16"),
    "named as a text": (lambda path: path.rename(path.with_suffix(".txt")), 0, "im: left out 1 other file (1 .txt)"),
    "gone": (Path.unlink, 0, "im 19 rows"),
}
"""One image of twenty, what happens to it, and the outcome."""


@pytest.mark.bar("D2")
@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=[pytest.mark.slow] if what in ("with another suffix", "gone") else []) for what in IMAGES]
)
def test_awkward_images_have_their_outcome(what: str, tmp_path: Path, capsys: Screens, record_property: Record) -> None:
    write_images(tmp_path / "im")
    change, code, told = IMAGES[what]
    change(tmp_path / "im/a/3.png")
    write_config(tmp_path, {"source": {"type": "image_folder", "path": "im"}}, ("flatten", {"linear": 4}, "relu"))
    check_outcome(capsys, tmp_path, code, told, "im")
    record_property("figure", f"image {what}: exit {code}")


@pytest.mark.bar("D2")
def test_an_image_of_a_table_that_vanishes_is_named(tmp_path: Path, capsys: Screens, record_property: Record) -> None:
    write_images(tmp_path / "im")
    rows = [f"im/{name}/{number}.png,{name}" for name in "ab" for number in range(10)]
    (tmp_path / "t.csv").write_text("\n".join(["file,y", *rows]) + "\n", encoding="utf-8")
    data = {"source": "t.csv", "target": "y", "fields": {"file": {"type": "image", "size": 8, "channels": 1}}}
    write_config(tmp_path, data, ("flatten", {"linear": 4}, "relu"))
    check_outcome(capsys, tmp_path, 0, "train 16", "t.csv")
    (tmp_path / "im/b/7.png").unlink()
    for arguments in (["fit", "t.yaml"], ["eval", "--data", "t.csv"], ["predict", "t.csv"], ["fit", "--resume", "runs/t"]):
        code, _, told = command(capsys, *arguments)
        assert code in (3, 4), told
        assert "im/b/7.png" in told or "source has changed" in told
        assert " /im/b/7.png" not in told
    record_property("figure", "image of a table gone after training: exit 3 in fit, eval and predict")
