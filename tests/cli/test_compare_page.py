"""`nntrain compare --html`: a page that stands alone, tells the truth, and replaces nobody's file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from html_pages import OpenTags

from nntrain.cli import main
from nntrain.runs import create_run

EVIL = "<script>alert(1)</script>"


@dataclass
class Page(OpenTags):
    """What is checked of a page."""

    rows: list[list[str]] = field(default_factory=list[list[str]])
    """Cells of all tables."""
    strong: list[str] = field(default_factory=list[str])
    sections: list[str | None] = field(default_factory=list[str | None])
    links: list[str] = field(default_factory=list[str])
    tags: list[str] = field(default_factory=list[str])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]
        self.sections += [found.get("id")] if tag == "section" else []
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        super().handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if {"td", "th"} & {*self.open}:
            self.rows[-1][-1] += data
        if "strong" in self.open:
            self.strong.append(data)


def read(path: str | Path) -> Page:
    page = Page()
    page.feed(Path(path).read_text(encoding="utf-8"))
    page.close()
    assert page.open == []
    return page


def make_run(accuracy: float, *, lr: object = 0.1, name: str = "shops", epochs: int = 3) -> str:
    """A finished run with a history, written by hand; returns its name."""
    run = create_run(Path("runs"), name)
    run.write_text("resolved.yaml", json.dumps({"seed": 0, "optimizer": {"lr": lr}}))
    record: dict[str, Any] = {"fingerprints": {"source": "a", "test": "b"}, "rows": {}, "resolved": [], "folder": ".", "environment": {}}
    run.write_json("data.json", {**record, "id": f"{name}{run.path.name}", "started": 1.7e9 + int(run.path.name)})
    figures = {"validation.accuracy": accuracy, "validation.loss": 1 - accuracy}
    summary: dict[str, Any] = {"run": run.name, "stop_reason": "max_epochs", "epochs": epochs, "seconds": 2.0, "parameters": 57}
    summary |= {"monitor": "validation.accuracy", "directions": {"loss": "min", "accuracy": "max"}, "test": {"accuracy": 1 - accuracy}}
    run.write_json("summary.json", {**summary, "best": {"epoch": 2, "step": 8, **figures}, "last": {"epoch": 3, "step": 12, **figures}})
    lines = [
        {"epoch": at, "step": 4 * at, "metrics": {"validation.loss": 1 / at, "validation.accuracy": accuracy}}
        for at in range(1, epochs + 1)
    ]
    run.write_text("history.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    return run.name


def test_a_comparison_is_a_page_that_loads_nothing_and_marks_the_best_by_validation_rows() -> None:
    names = [make_run(0.8, lr=EVIL), make_run(0.9), make_run(0.7, name="tills")]
    assert main(["compare", *names, "--html", "page.html"]) == 0
    page = read("page.html")
    assert [address for address in page.links if not address.startswith(("#", "data:"))] == []
    assert "script" not in page.tags
    assert page.sections == ["summary", "chance", "curves", "settings"]
    assert page.strong == ["0.9000", "0.9000"]
    head = ["run", "n", "validation.accuracy (best)", "validation.accuracy (last)", "test.accuracy", "parameters", "epochs", "time"]
    assert page.rows[:2] == [head, ["runs/shops/0001", "1", "0.8000", "0.8000", "0.2000", "57", "3", "2.0 s"]]
    assert ["setting", "shops/0001", "shops/0002", "tills/0001"] in page.rows
    assert ["optimizer.lr", EVIL, "0.1", "0.1"] in page.rows
    assert page.tags.count("figure") == 2
    assert EVIL not in Path("page.html").read_text()


def test_runs_that_were_never_reported_have_no_curves() -> None:
    names = [make_run(0.8), make_run(0.9)]
    for name in names:
        (Path(name) / "history.jsonl").unlink()
    assert main(["compare", *names, "--html", "page.html"]) == 0
    assert "There are no reports." in read("page.html").text


def test_only_a_page_of_the_same_runs_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    make_run(0.8)
    command = ["compare", "runs/shops/0001", "runs/shops/0001"]
    assert main([*command, "--html", "page.html"]) == 0
    told = capsys.readouterr()
    assert "wrote    page.html" in told.err
    assert main([*command, "--html", "page.html"]) == 0
    before = Path("page.html").read_text()
    assert main(["compare", "runs/shops/0001", make_run(0.9), "--html", "page.html"]) == 2
    Path("mine.html").write_text("<html>my notes</html>")
    assert main([*command, "--html", "mine.html"]) == 2
    assert "mine.html is there, and is no " in capsys.readouterr().err
    assert (Path("page.html").read_text(), Path("mine.html").read_text()) == (before, "<html>my notes</html>")
    assert main([*command, "--html", "nowhere/page.html"]) == 2
    assert main([*command, "--html", "runs"]) == 2
