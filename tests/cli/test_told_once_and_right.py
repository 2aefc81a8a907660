"""Small faults of users, each of which is told once, with the place that is to be mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.commands.beginning.check import Look, check
from nntrain.commands.proofs.smoke import _shortened_text  # pyright: ignore[reportPrivateUsage]
from nntrain.config.reading import read_mapping
from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.reading import read_file
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError, DataError


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def test_sentences_without_tags(tmp_path: Path) -> None:
    write(tmp_path / "plain.conll", "a\nb\n\nc\n")
    with pytest.raises(DataError, match=r"line 1 has a token alone, and data.source.columns names tokens, tags") as told:
        plan_layout(DataSettings.parse({"source": "plain.conll"}), tmp_path, look=True)
    assert "a token a line, a blank or a tab, and its tag" in str(told.value.hint)
    settings = DataSettings.parse({"source": "plain.conll"})
    assert read_file(settings, tmp_path / "plain.conll").texts("tokens").to_list() == ["a b", "c"], "new rows need none"


def test_plural_types_have_no_article(tmp_path: Path) -> None:
    write(tmp_path / "t.conll", "a\tX\nb\tY\n\nc\tX\n")
    config = {"data": {"source": "t.conll"}, "architecture": {"layers": [{"embedding": 4}]}, "task": "regression"}
    with pytest.raises(ConfigError) as told:
        check(read_mapping(config, folder=tmp_path), Look.HEADER)
    assert "ordinal or vector; tags is tags" in str(told.value)


def test_a_table_of_graphs_is_no_table_of_nodes(tmp_path: Path) -> None:
    write(tmp_path / "n.csv", "id,g,x\n" + "".join(f"n{row},g{row // 2},{row % 3}\n" for row in range(8)))
    write(tmp_path / "e.csv", "a,b\nn0,n1\nn2,n3\n")
    write(tmp_path / "gg.csv", "g,y\n" + "".join(f"g{row},{row % 2}\n" for row in range(4)))
    source = {"type": "graph", "nodes": "n.csv", "edges": "e.csv", "graphs": "gg.csv", "graph": "g"}
    settings = DataSettings.parse({"source": source, "target": "y"})
    assert read_file(settings, tmp_path / "n.csv").rows == 8
    for name, what in (("gg.csv", "has a row for each g, and no nodes"), ("e.csv", "is no table of nodes: it has no column 'g'")):
        with pytest.raises(DataError, match=f"{name} {what}") as told:
            read_file(settings, tmp_path / name)
        assert told.value.hint == "give a table of nodes as n.csv is one, beside which that of the edges lies"
    write(tmp_path / "e.csv", "a,b\nn0,n1\nn2,n9\n")
    with pytest.raises(DataError, match=r"e.csv: b is 'n9' in line 3, and no node is named so"):
        read_file(settings, tmp_path / "n.csv")


def test_windows_that_cross_holes_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "h.csv", "t,v\n" + "".join(f"{row if row < 40 else row + 25},{row * 7 % 13}\n" for row in range(120)))
    fields = {"t": {"type": "number", "role": "time"}, "v": {"type": "number", "role": ["input", "target"]}}
    settings = DataSettings.parse({"source": "h.csv", "fields": fields, "window": {"past": 6, "horizon": 2}})
    told = "\n".join(prepare(settings, tmp_path, seed=0).notes)
    assert "7 of 99 windows take the rows on both sides for neighbours" in told


@pytest.mark.parametrize("name", ["notes.md", "server.log"])
def test_texts_of_other_endings_are_drafted(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path(name), "# Some text\nand more of it\n" * 30)
    assert main(["init", name]) == 0, capsys.readouterr().err
    assert f"source: {{type: text, path: {name}}}" in Path(f"{Path(name).stem}.yaml").read_text(encoding="utf-8")
    assert main(["init", name, "--target", "y", "--force"]) == 2
    assert "type: csv, path" in capsys.readouterr().err


def test_new_rows_may_end_as_those_of_training_do(tmp_path: Path) -> None:
    write(tmp_path / "new.log", "a\tb\n1\t2\n3\t4\n")
    settings = DataSettings.parse({"source": {"type": "csv", "path": "old.log"}, "target": "b"})
    assert read_file(settings, tmp_path / "new.log").rows == 2
    (tmp_path / "new.log").rename(tmp_path / "new.dat")
    with pytest.raises(DataError, match=r"no source reads \.dat files"):
        read_file(settings, tmp_path / "new.dat")


def test_a_single_letter_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("one.txt"), "x")
    assert main(["init", "one.txt"]) == 3
    assert "1 character leaves nothing to train on" in capsys.readouterr().err


def test_empty_texts_are_shown_as_such() -> None:
    assert [_shortened_text(text) for text in ("", " ", "a b")] == ["(empty)", "(empty)", "a b"]
