"""The card of a run is YAML and Markdown, whatever names the data has, and says what the run says."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from nntrain.cli import main
from nntrain.commands.stored import model_card
from nntrain.commands.stored.model_card import bullets, fence, table, text
from nntrain.errors import ResourceError
from nntrain.runs import Run

AWKWARD = "a|b *c* `d` <script> [e](http://f.g) # & $h$ _i_"
CONFIG = """
name: card
data:
  source: "${env:FOLDER_OF_DATA}/rows.csv"
  target: y
  split: {validation: 0.2, test: 0.2}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on columns and classes with awkward names."""
    folder = tmp_path_factory.mktemp("card")
    data = folder / "s3cret"
    data.mkdir()
    lines = [f'"{AWKWARD}",size,y', *(f"{['u|v', '---', '# w'][row % 3]},{row % 7 + 0.5},{'yn'[row % 2]}" for row in range(60)), "u|v,1.5,"]
    (data / "rows.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "card.yaml").write_text(CONFIG, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FOLDER_OF_DATA", str(data))
        assert main(["fit", "card.yaml"]) == 0
    return folder / "runs" / "card" / "0001"


def parts(run: Path) -> tuple[dict[str, Any], str]:
    front, _, body = (run / "model_card.md").read_text(encoding="utf-8").removeprefix("---\n").partition("---\n")
    return yaml.safe_load(front), body


def read(markdown: str) -> tuple[list[str], list[list[str]], list[str]]:
    """Headings, rows of tables as their text, and kinds of everything in a text, as a reader of Markdown finds them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    headings = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    rows: list[list[str]] = []
    for token, after in pairwise(tokens):
        if token.type == "tr_open":
            rows.append([])
        if token.type in ("td_open", "th_open"):
            rows[-1].append("".join(child.content for child in after.children or []))
    kinds = [token.type for token in tokens] + [child.type for token in tokens for child in token.children or []]
    return headings, rows, kinds


def test_the_front_matter_is_that_of_a_model_hub(trained: Path) -> None:
    front, _ = parts(trained)
    summary = json.loads((trained / "summary.json").read_text())
    assert front["library_name"] == "nntrain"
    assert front["tags"] == ["nntrain", "classification", "mlp"]
    [index] = front["model-index"]
    test, validation = index["results"]
    assert (index["name"], test["task"]) == ("card", {"type": "classification"})
    assert test["dataset"] == {"name": "rows.csv", "type": "csv", "split": "test"}
    assert {each["type"]: each["value"] for each in test["metrics"]} == summary["test"]
    of_best = {name: value for name, value in summary["best"].items() if name.startswith("validation.")}
    assert {each["name"]: each["value"] for each in validation["metrics"]} == of_best


def test_the_text_says_what_the_run_says(trained: Path) -> None:
    _, body = parts(trained)
    headings, rows, _ = read(body)
    assert headings == ["card", "Results", "Data", "Use", "Limits", "Training", "Environment", "Training it again"]
    assert ["size", "input", "number", "0.5000 to 6.500", "0.0%"] in rows
    assert ["y", "target", "boolean", "n, y", ""] in rows
    assert ["train", "36"] in rows
    accuracy = next(row for row in rows if row[0] == "test.accuracy")
    assert rows[0] == ["metric", "this network", "always the commonest"]
    assert len(accuracy) == 3
    for said in (
        "1 row dropped without y",
        "max\\_epochs",
        "nntrain predict runs/card/0001 DATA",
        "nntrain fit runs/card/0001/resolved.yaml",
    ):
        assert said in body
    assert "s3cret" not in body


def test_names_of_the_data_are_no_markdown(trained: Path) -> None:
    _, body = parts(trained)
    _, rows, kinds = read(body)
    field = next(row for row in rows if row[1:3] == ["input", "category"])
    assert field[0] == AWKWARD
    assert field[3] == "# w, ---, u|v"
    assert {"html_inline", "html_block", "link_open", "em_open"}.isdisjoint(kinds)


@pytest.mark.parametrize(
    "name", ["- a", "+ a", "1. a", "12) a", "# a", "> a", "a\n\n# b", "|", "`", "\\", "<b>", "==", "~~~", "http://a.b"]
)
def test_any_text_stays_as_it_is(name: str) -> None:
    for markdown in (bullets([name]), f"# {text(name)}"):
        tokens = MarkdownIt("commonmark").parse(markdown)
        inline = [token for token in tokens if token.type == "inline"]
        assert ["".join(child.content for child in token.children or []) for token in inline] == [" ".join(name.split())]
    _, rows, _ = read(table(["head"], [[name]]))
    assert rows == [["head"], [" ".join(name.split())]]


def test_no_line_ends_a_block_of_code() -> None:
    content = "a: 1\n```\nb: 2\n````"
    [token] = MarkdownIt("commonmark").parse(fence(content, "yaml"))
    assert (token.type, token.content) == ("fence", content + "\n")


def test_a_card_that_cannot_be_written_costs_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_text = Run.write_text

    def full(run: Run, file: str, content: str) -> None:
        if file == model_card.FILE:
            raise ResourceError("cannot write model_card.md: no space left")
        write_text(run, file, content)

    monkeypatch.setattr(Run, "write_text", full)
    (tmp_path / "a.yaml").write_text("data: {source: {type: builtin, name: digits}}\narchitecture: perceptron\ntraining: {max_epochs: 1}\n")
    assert main(["fit", "a.yaml"]) == 0
    assert "no space left" in capsys.readouterr().out
    assert (tmp_path / "runs/a/0001/summary.json").is_file()
    assert not (tmp_path / "runs/a/0001" / model_card.FILE).exists()


@pytest.mark.parametrize("kind", ["seeds", "folds"])
def test_members_have_a_card_of_all_of_them(kind: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER_OF_DATA", str(trained.parents[2] / "s3cret"))
    split = "data.split={validation: 0.2}"
    assert main(["fit", str(trained.parents[2] / "card.yaml"), split, f"--{kind}", "2", "--runs", str(tmp_path / "runs")]) == 0
    run = tmp_path / "runs" / "card" / "0001"
    front, body = parts(run)
    summary = json.loads((run / "summary.json").read_text())
    results = front["model-index"][0]["results"]
    assert {each["type"]: each["value"] for each in results[0]["metrics"]} == summary["test"]
    headings, rows, _ = read(body)
    assert headings[0] == "card"
    assert f"mean ± sd of 2 {kind}" in rows[0]
    [accuracy] = [row for row in rows if row[0] == "test.accuracy"]
    assert " ± " in accuracy[1]
    assert "members/01 DATA -o predictions.csv" in body
    assert f"resolved.yaml --{kind} 2" in body
    assert "s3cret" not in (run / "model_card.md").read_text()


def test_a_card_of_folds_whose_test_rows_nobody_looked_at_tells_no_test_figures(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDER_OF_DATA", str(trained.parents[2] / "s3cret"))
    arguments = [str(trained.parents[2] / "card.yaml"), "data.split={validation: 0.2}", "--folds", "2", "--no-test"]
    assert main(["fit", *arguments, "--runs", str(tmp_path / "runs")]) == 0
    _, body = parts(tmp_path / "runs" / "card" / "0001")
    assert "validation.accuracy" in body
    assert "test figures" not in body
