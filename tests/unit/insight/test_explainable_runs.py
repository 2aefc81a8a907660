"""Which runs can be explained, whose answers these are, and what a section `explain` may say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nntrain
from nntrain.cli import main
from nntrain.errors import ConfigError, UsageError
from nntrain.insight.explanation import Explanation

pytestmark = pytest.mark.extra("explain")

SHORT = {"max_epochs": 2, "device": "cpu"}


def table(folder: Path, rows: int = 240) -> None:
    """Numbers, a boolean, a date, an ordinal, a vector of two columns, labels; three classes and a number to predict."""
    random = np.random.default_rng(1)
    lines = ["x,z,day,size,v1,v2,tags,kind,price"]
    for row in range(rows):
        x, v1, v2 = random.normal(size=3)
        z, size = "yn"[row % 2], ("low", "mid", "high")[row % 3]
        kind = "abc"[int(np.clip(np.floor(x + 1.5), 0, 2))]
        lines.append(
            f"{x:.3f},{z},2024-{row % 12 + 1:02d}-11,{size},{v1:.3f},{v2:.3f},{'p|q' if row % 2 else 'p'},{kind},{100 + 10 * v1:.3f}"
        )
    (folder / "t.csv").write_text("\n".join(lines) + "\n")


FIELDS = {
    "size": {"type": "ordinal", "order": ["low", "mid", "high"]},
    "v": {"type": "vector", "columns": ["v1", "v2"]},
    "tags": {"type": "multi_label", "separator": "|"},
    "kind": {"type": "category", "role": "target"},
    "price": {"type": "number", "role": "target"},
}


def fitted(**changes: Any) -> str:
    config = {"name": "run", "data": {"source": "t.csv", "fields": FIELDS}, "training": SHORT, **changes}
    return nntrain.fit(config, runs="runs").run.name


def shares(found: Explanation) -> dict[str, float]:
    return {share.column: share.share for share in found.explained[0].shares}


def test_every_column_of_a_table_has_its_share(tmp_path: Path) -> None:
    table(tmp_path)
    run = fitted(architecture={"type": "mlp", "hidden": [8], "inputs": {"x": {"type": "ple", "bins": 4}}})
    found = nntrain.explain(run)
    assert set(shares(found)) == {"x", "z", "day", "size", "v1", "v2", "tags"}
    assert found.quality is not None
    assert found.quality.completeness is not None
    assert found.quality.completeness < 1e-2
    by_column = {each.column: each.values for each in found.dependences}
    assert all(str(day).startswith("2024-") for day in by_column["day"])
    assert by_column["size"] == ("low", "mid", "high")
    assert "tags" not in by_column
    (cells,) = [{share.column: share.cell for share in row.shares} for row in found.explained[:1]]
    assert cells["size"] in {"low", "mid", "high"}
    assert cells["v2"] is not None


def test_which_answer_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path)
    run = fitted(architecture={"type": "mlp", "hidden": [8]})
    assert nntrain.explain(run).target == "kind"
    named = nntrain.explain(run, target="b")
    assert (named.target, named.explained[0].output) == ("kind", "b")
    price = nntrain.explain(run, target="price")
    assert (price.target, price.is_probability, price.importances and price.importances.metric) == ("price", False, "price.rmse")
    assert nntrain.explain(run, target="kind:c").explained[0].output == "c"
    with pytest.raises(UsageError, match="nearest: price"):
        nntrain.explain(run, target="pricee")
    assert main(["explain", run]) == 0
    assert "mean probability of the class in brackets" in capsys.readouterr().out


def test_a_section_says_what_the_options_do_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path)
    section = {"method": "occlusion", "rows": [5], "target": "price"}
    run = fitted(architecture={"type": "mlp", "hidden": [8]}, explain=section)
    assert main(["explain", run, "--json", "--rows", "1,2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["target"], [row["number"] for row in found["explained"]]) == ("occlusion", "price", [1, 2])


def test_a_section_without_effect_is_an_error(tmp_path: Path) -> None:
    table(tmp_path)
    with pytest.raises(ConfigError, match="saliency compares a row with no other"):
        fitted(explain={"method": "saliency", "baseline": "zero"})
    (tmp_path / "a.txt").write_text("a b c d e f g h " * 200)
    model = {
        "name": "lm",
        "data": {"source": {"type": "text", "path": "a.txt"}, "fields": {"text": {"type": "text", "tokenizer": "char"}}},
    }
    with pytest.raises(ConfigError, match="explain takes networks that give each row, window or node one answer"):
        nntrain.fit({**model, "task": "language_model", "explain": {}}, runs="runs")


def test_a_file_in_the_run_that_is_no_explanation_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table(tmp_path)
    run = fitted(architecture={"type": "mlp", "hidden": [8]})
    (Path(run) / "explain.json").write_text('{"mine": 1}')
    assert main(["explain", run]) == 2
    assert "it is not replaced" in capsys.readouterr().err
    assert (Path(run) / "explain.json").read_text() == '{"mine": 1}'


def test_a_language_model_is_refused_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "lm.txt").write_text("to be or not to be that is the question " * 100)
    text = {"type": "text", "tokenizer": "char", "role": ["input", "target"]}
    data = {"source": {"type": "text", "path": "lm.txt"}, "fields": {"text": text}, "window": 16}
    config = {"name": "lm", "data": data, "architecture": {"type": "lstm", "hidden_size": 4}, "training": {**SHORT, "max_epochs": 1}}
    run = nntrain.fit(config, runs="runs").run
    assert main(["explain", run.name]) == 2
    told = capsys.readouterr().err
    assert "can't be explained: text has an answer for each step of a row (language_model)" in told
    assert "explain takes networks that give each row, window or node one answer, classes or numbers" in told


def test_shares_of_a_bag_are_the_mean_of_those_of_its_members(tmp_path: Path) -> None:
    table(tmp_path)
    fields = {**FIELDS, "kind": {"role": "ignore"}}
    data = {"source": "t.csv", "fields": fields}
    run = fitted(data=data, architecture={"type": "mlp", "hidden": [4]}, training={**SHORT, "max_epochs": 1, "bag": 2})
    members = [nntrain.explain(f"{run}/members/0{number}", split="test") for number in (1, 2)]
    for method in ("integrated_gradients", "saliency", "occlusion"):
        found = nntrain.explain(run, split="test", method=method)
        if method == "integrated_gradients":
            mean = {name: (shares(members[0])[name] + shares(members[1])[name]) / 2 for name in shares(found)}
            assert shares(found) == pytest.approx(mean, rel=1e-9, abs=1e-12)
            assert found.explained[0].completeness is not None
            assert found.explained[0].completeness < 1e-2
            told = nntrain.load(run).predict("t.csv")["price"].values[int(found.explained[0].place.split()[-1]) - 2]
            assert found.explained[0].answer == pytest.approx(told, rel=1e-5)
        assert found.importances is not None
        assert found.quality is not None
        assert "shares of rows are the mean of those of 2 members" in found.notes
    near = nntrain.explain(run, split="test", method="examples").explained[0].examples
    assert [each.distance for each in near] == sorted(each.distance for each in near)
