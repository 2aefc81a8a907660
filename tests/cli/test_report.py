"""`nntrain report`: one page that stands alone, tells the truth, and replaces nobody's file."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import shutil
import sys
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from html_pages import OpenTags

import nntrain
from nntrain.cli import main

EVIL = "<script>alert(1)</script>"
CONFIG = f"""
name: towns
data:
  source: towns.csv
  target: kind
  fields: {{kind: category, "{EVIL}": category}}
  split: {{validation: 0.3, test: 0.1}}
architecture: {{type: mlp, hidden: [8]}}
training: {{max_epochs: 2}}
"""


@dataclass
class Page(OpenTags):
    """What is checked of a page."""

    headings: list[tuple[str, str]] = field(default_factory=list)
    sections: list[dict[str, str | None]] = field(default_factory=list)
    images: list[dict[str, str | None]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    tags: set[str] = field(default_factory=set)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.ids += [found["id"]] if found.get("id") else []
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "poster")]
        if tag == "section":
            self.sections.append(found)
        if tag == "img" or (tag == "svg" and found.get("role") == "img"):
            self.images.append({**found, "alt": found.get("alt") or found.get("aria-label")})
        if re.fullmatch("h[1-6]", tag):
            self.headings.append((tag, ""))
        super().handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if self.open and self.headings and self.open[-1] == self.headings[-1][0]:
            self.headings[-1] = (self.headings[-1][0], self.headings[-1][1] + data)


def read(path: Path) -> Page:
    page = Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose column and class have names that are markup."""
    folder = tmp_path_factory.mktemp("towns")
    random = np.random.default_rng(0)
    rows = [f"{size:.3f},{'NSW'[random.integers(3)]},{EVIL if size > 0 else 'small'}" for size in random.normal(size=150)]
    (folder / "towns.csv").write_text("\n".join([f"size,{EVIL},kind", *rows, ""]))
    (folder / "towns.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        nntrain.fit("towns.yaml")
        assert main(["report"]) == 0
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path) -> Path:
    """A copy of that folder, in which the test stands."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="module")
def page(trained: Path) -> Page:
    return read(trained / "runs/towns/0001/report.html")


def test_the_page_is_whole_and_loads_nothing(page: Page, trained: Path) -> None:
    assert page.open == []
    assert [address for address in page.loaded if not address.startswith(("#", "data:"))] == []
    assert "script" not in page.tags
    assert len(page.ids) == len({*page.ids})
    assert {address[1:] for address in page.loaded if address.startswith("#")} <= {*page.ids}
    assert (trained / "runs/towns/0001/report.html").stat().st_size < 3_000_000


def test_the_page_can_be_read_without_being_seen(page: Page) -> None:
    assert [text for tag, text in page.headings if tag == "h1"] == ["towns, run 0001"]
    assert all(section["aria-labelledby"] in page.ids for section in page.sections)
    assert page.images
    assert all(image["alt"] for image in page.images)
    levels = [int(tag[1]) for tag, _ in page.headings]
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))


def test_the_page_has_its_parts_in_order(page: Page) -> None:
    assert [section["id"] for section in page.sections] == [
        *("summary", "curves", "answers", "cases", "explained", "groups", "columns", "network", "data", "settings")
    ]


@pytest.mark.extra("explain")
def test_columns_and_single_answers_are_explained_in_the_unit_of_the_answer(page: Page) -> None:
    assert "What each column contributes" in page.text
    assert "in probability, for it or against it (integrated gradients)" in page.text
    assert "How good these shares are, on 32 rows" in page.text
    assert "Mean prediction by size" in page.text


def test_without_captum_the_line_that_brings_it_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    monkeypatch.setitem(sys.modules, "captum", None)
    assert main(["report"]) == 0
    page = read(here / "runs/towns/0001/report.html")
    assert "pip install 'nntrain[explain]'" in page.text
    assert "What each column is worth" in page.text


@pytest.mark.extra("explain")
def test_words_pictures_and_courses_are_shown_as_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    short = {"max_epochs": 1, "device": "cpu"}
    lines = [f"{'good' if row % 2 else 'bad'} <b>word</b> {row % 5},{row % 2}" for row in range(80)]
    (tmp_path / "w.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    fields = {"text": {"type": "text", "tokenizer": "space"}, "label": {"type": "category", "role": "target"}}
    transformer = {"type": "transformer_encoder", "dim": 8, "num_layers": 1, "num_heads": 2}
    nntrain.fit({"name": "w", "data": {"source": "w.csv", "fields": fields}, "architecture": transformer, "training": short})
    np.savez(tmp_path / "i.npz", image=random.integers(0, 256, (60, 8, 8), dtype=np.uint8), label=np.arange(60) % 2)
    image = {"image": {"type": "image"}, "label": {"type": "category", "role": "target"}}
    data = {"source": {"type": "arrays", "path": "i.npz"}, "fields": image}
    nntrain.fit({"name": "i", "data": data, "architecture": {"type": "cnn", "channels": [4]}, "training": short})
    (tmp_path / "s.csv").write_text(
        "day,load\n" + "".join(f"2024-{row // 28 + 1:02d}-{row % 28 + 1:02d},{row % 7}\n" for row in range(120))
    )
    series = {"day": {"role": "time"}, "load": {"type": "number", "role": ["input", "target"]}}
    data = {"source": "s.csv", "fields": series, "window": {"past": 7, "horizon": 3}, "split": {"validation": 20, "test": 20}}
    nntrain.fit({"name": "s", "data": data, "architecture": {"type": "mlp", "hidden": [4]}, "training": short})
    pages = {name: nntrain.report(f"runs/{name}").read_text() for name in "wis"}
    assert 'class="for"' in pages["w"] or 'class="against"' in pages["w"]
    assert "&lt;b&gt;word&lt;/b&gt;" in pages["w"]
    assert "What attention looks at" in pages["w"]
    assert 'class="gallery broad"' in pages["i"]
    assert 'class="contributions"' in pages["s"]
    assert "Predicts load (forecasting)" in pages["s"]
    assert re.search(r"\d to train, \d+ to validate, \d+ to test", pages["s"])
    for name in "wis":
        found = read(Path(f"runs/{name}/0001/report.html"))
        assert found.open == []
        assert all(image["alt"] for image in found.images)


def test_names_that_are_markup_are_shown_as_they_are(page: Page, trained: Path) -> None:
    text = (trained / "runs/towns/0001/report.html").read_text()
    assert "<script" not in text
    assert EVIL in page.text
    assert f"Most often {EVIL} is taken for" in page.text or f"taken for {EVIL}" in page.text or "rows are right" in page.text


def test_the_summary_tells_what_the_run_wrote(page: Page, trained: Path) -> None:
    summary = json.loads((trained / "runs/towns/0001/summary.json").read_text())
    assert f"test.accuracy {summary['test']['accuracy']:#.4g}" in page.text
    assert "95 % interval" in page.text
    assert "always the commonest: " in page.text
    assert "the epochs of the config were done" in page.text
    assert "Test data of this file have been looked at by 1 run." in page.text
    assert ("to do:" in page.text) == bool(summary["advice"])


def test_settings_are_compared_with_what_the_data_would_get(page: Page) -> None:
    assert re.search(r"training\.max_epochs\s*2\s*100", page.text)
    assert "nntrain eval runs/towns/0001" in page.text


def test_advice_of_a_run_is_shown_with_what_to_write(here: Path) -> None:
    path = here / "runs/towns/0001/summary.json"
    advice = [{"name": "overfitting", "sentence": "It overfits.", "evidence": {"gap": 0.5}, "override": "regularization.dropout=0.2"}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "advice": advice}))
    assert main(["report"]) == 0
    text = read(here / "runs/towns/0001/report.html").text
    assert "1 thing to do:" in text
    assert "It overfits. regularization.dropout=0.2" in text
    assert "gap 0.5000" in text


def test_the_test_rows_are_looked_at_no_more_often(here: Path) -> None:
    looks = (here / "runs/test_looks.json").read_text()
    assert main(["report", "runs/towns/0001"]) == 0
    assert (here / "runs/test_looks.json").read_text() == looks


def test_an_own_report_is_replaced_and_nothing_else_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "-o", "mine.html"]) == 0
    assert capsys.readouterr().out == "mine.html\n"
    first = Path("mine.html").read_text()
    assert main(["report", "-o", "mine.html"]) == 0
    assert Path("mine.html").read_text() == first
    Path("notes.html").write_text("<p>my notes")
    assert main(["report", "-o", "notes.html"]) == 2
    assert "notes.html is there, and is no earlier report of the same" in capsys.readouterr().err
    assert Path("notes.html").read_text() == "<p>my notes"
    Path("theirs.html").write_text(re.sub('data-run="[0-9a-f]+"', 'data-run="00"', first))
    assert main(["report", "-o", "theirs.html"]) == 2
    Path("link.html").symlink_to("mine.html")
    assert main(["report", "-o", "link.html"]) == 2
    assert main(["report", "-o", "nowhere/report.html"]) == 2
    assert main(["report", "-o", "runs"]) == 2


def test_python_writes_the_same_page(here: Path, page: Page) -> None:
    assert nntrain.report(output="mine.html") == Path("mine.html")
    assert read(Path("mine.html")).text == page.text


def test_a_run_on_rows_of_a_program_has_a_report_of_the_rest(tmp_path: Path) -> None:
    rows = [{"size": float(index % 7), "kind": "ab"[index % 7 > 3]} for index in range(80)]
    config = {"data": {"target": "kind"}, "architecture": {"type": "mlp", "hidden": [4]}, "training": {"max_epochs": 1}}
    result = nntrain.fit(config, data=rows)
    assert "Parts that need the data are left out" in read(nntrain.report(result)).text


def test_without_its_data_a_run_has_a_report_of_the_rest(here: Path) -> None:
    record = here / "runs/towns/0001/data.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "folder": str(here)}))
    Path("towns.csv").unlink()
    assert main(["report"]) == 0
    found = read(here / "runs/towns/0001/report.html")
    assert [section["id"] for section in found.sections] == ["summary", "curves", "network", "data", "settings"]
    assert "Parts that need the data are left out" in found.text


def test_a_run_that_has_not_ended_has_a_report(here: Path) -> None:
    (here / "runs/towns/0001/summary.json").unlink()
    assert main(["report"]) == 0
    assert "The run has not ended yet" in read(here / "runs/towns/0001/report.html").text


def test_members_are_one_page(here: Path) -> None:
    assert main(["fit", "towns.yaml", "training.max_epochs=1", "--seeds", "2"]) == 0
    assert main(["report"]) == 0
    found = read(here / "runs/towns/0002/report.html")
    assert [section["id"] for section in found.sections] == ["summary", "members", "network", "data", "settings"]
    assert "mean ± sd" in found.text
    assert "runs/towns/0002/members/02" in found.text
    assert "nntrain eval" not in found.text  # which members that don't predict as one refuse
    assert "nntrain verify runs/towns/0002 --rerun" in found.text


def test_two_runs_are_one_page_with_what_chance_does_not_explain(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "towns.yaml", "optimizer.lr=0.1", "training.max_epochs=3"]) == 0
    assert main(["compare", "runs/towns/0001", "runs/towns/0002", "--html", "both.html"]) == 0
    found = read(Path("both.html"))
    assert found.open == []
    assert [section["id"] for section in found.sections] == ["summary", "chance", "curves", "settings"]
    assert re.search(r"optimizer\.lr\s*0\.001\s*0\.1", found.text)
    assert "0001 beside 0002, on the same 45 validation rows" in found.text
    assert main(["compare", "runs/towns/0001", "runs/towns/0002", "--html", "both.html"]) == 0
    assert main(["compare", "runs/towns/0002", "runs/towns/0001", "--html", "both.html"]) == 2
    assert main(["compare", "runs/towns/0001", "--html", "one.html"]) == 2
    assert "two or more runs" in capsys.readouterr().err
    assert main(["compare", "--by", "config", "--html", "one.html"]) == 2


def test_runs_of_other_rows_are_not_compared_row_by_row(here: Path) -> None:
    assert main(["fit", "towns.yaml", "data.split.seed=5", "training.max_epochs=1"]) == 0
    assert main(["compare", "runs/towns/0001", "runs/towns/0002", "--html", "both.html"]) == 0
    assert "runs/towns/0001 and runs/towns/0002 can't be paired: their validation rows differ" in read(Path("both.html")).text


def test_the_list_of_runs_is_a_page_that_leads_to_their_reports(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("pages").mkdir()
    assert main(["runs", "--html", "pages/all runs.html", "--columns", "optimizer.lr"]) == 0
    text = Path("pages/all runs.html").read_text()
    found = read(Path("pages/all runs.html"))
    assert found.open == []
    assert "../runs/towns/0001/report.html" in found.loaded
    assert [value for value in found.loaded if value.startswith("../")] == ["../runs/towns/0001/report.html"]
    assert 'data-key="0.001"' in text
    [script] = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.unescape(text)
    assert main(["runs", "--html", "pages/all runs.html"]) == 0
    Path("notes.html").write_text("my notes")
    assert main(["runs", "--html", "notes.html"]) == 2
    assert Path("notes.html").read_text() == "my notes"
    assert main(["runs", "--html", "runs/towns/0001/report.html"]) == 2


def test_a_damaged_summary_is_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = here / "runs/towns/0001/summary.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"test": [1]}), encoding="utf-8")
    assert main(["report", str(path.parent)]) == 4
    assert "summary.json: damaged (test missing, or of another type)" in capsys.readouterr().err


def test_groups_begin_with_the_worst_also_where_the_loss_decides(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = [
        (value, group, value > 0 if group == "easy" else random.random() > 0.5)
        for value in random.normal(size=200)
        for group in ("easy", "hard")
    ]
    (tmp_path / "rows.csv").write_text("\n".join(["a,group,y", *(f"{a:.3f},{group},{'yes' if y else 'no'}" for a, group, y in rows)]))
    monitor = "training.early_stopping.monitor=validation.loss"
    config = {"data": {"source": str(tmp_path / "rows.csv"), "target": "y"}, "architecture": {"type": "mlp", "hidden": [16]}}
    (tmp_path / "c.json").write_text(json.dumps({**config, "training": {"max_epochs": 8}, "optimizer": {"lr": 0.03}}))
    assert main(["fit", str(tmp_path / "c.json"), monitor]) == 0
    assert main(["report"]) == 0
    page = " ".join(re.sub(r"<[^>]+>", " ", next(Path("runs").rglob("report.html")).read_text()).split())
    found = re.findall(r"group (easy|hard) \d+ ([\d.]+)", page[page.index("By column, the worst accuracy first") :])
    assert [group for group, _ in found] == ["hard", "easy"]
    assert float(found[0][1]) < float(found[1][1])


@pytest.fixture
def _boom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A config `boom.yaml` in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(f"{row % 7},{row * 0.37 % 5:.3f}" for row in range(60)) + "\n")
    (tmp_path / "boom.yaml").write_text("data: {source: t.csv, target: y}\ntask: regression\narchitecture: {type: mlp, hidden: [8]}\n")


@pytest.mark.usefixtures("_boom")
def test_a_run_that_diverged_at_once_says_what_to_train_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "boom.yaml", "optimizer={sgd: 1e30}", "data.batch_size=8"]) == 5
    capsys.readouterr()
    assert main(["report", "runs/boom"]) == 0
    told = capsys.readouterr().err
    assert "--resume" not in told
    assert "runs/boom/0001/summary.json says why" in told
    page = html.unescape((tmp_path / "runs/boom/0001/report.html").read_text())
    assert "What happened, and what to try" in page
    assert "nntrain fit boom.yaml optimizer.lr=" in page


@pytest.mark.usefixtures("_boom")
def test_a_member_that_diverged_at_once_is_named_and_nothing_is_told_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "boom.yaml", "--seeds", "2", "optimizer={sgd: 1e30}", "data.batch_size=8"]) == 5
    assert re.search(r"member +runs/boom/0001/members/01\n", capsys.readouterr().err)
    for command in (["fit", "--resume", "runs/boom/0001"], ["compare", "runs/boom/0001"]):
        assert main(command) == 4
        told = capsys.readouterr().err
        assert "runs/boom/0001/members/01 diverged" in told
        assert "runs/boom/0001/members/01/summary.json says why" in told
        assert "--resume" not in told
